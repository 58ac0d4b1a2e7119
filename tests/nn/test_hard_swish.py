import torch

from plusx.nn.hard_swish import HardSwish

X = torch.tensor([-4.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0])


def test_values_are_those_of_the_formula() -> None:
    torch.testing.assert_close(HardSwish()(X), X * (X + 3).clamp(0, 6) / 6)


def test_in_place_only_where_no_gradients_are_recorded() -> None:
    act, x = HardSwish(), X.clone()
    assert act(x).data_ptr() != x.data_ptr()
    assert torch.equal(x, X)
    with torch.no_grad():
        assert act(x).data_ptr() == x.data_ptr()


def test_gradients_are_those_of_a_numerical_derivative() -> None:
    x = torch.tensor([-4.0, -2.0, 0.5, 4.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(HardSwish(), (x,))
