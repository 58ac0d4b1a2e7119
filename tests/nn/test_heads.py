import torch

from plusx.nn.heads import PooledLinear


def test_any_map_size_and_one_pixel() -> None:
    head = PooledLinear(6, 3)
    for size in ((1, 1), (7, 7), (3, 5)):
        assert head(torch.randn(2, 6, *size)).shape == (2, 3)


def test_empty_batch() -> None:
    assert PooledLinear(6, 3)(torch.randn(0, 6, 4, 4)).shape == (0, 3)


def test_equals_mean_then_linear() -> None:
    head = PooledLinear(4, 2, dropout=0.5).eval()
    x = torch.randn(3, 4, 5, 6)
    expected = x.flatten(2).mean(2) @ head.fc.weight.T + head.fc.bias
    torch.testing.assert_close(head(x), expected)


def test_dropout_works_in_training_only() -> None:
    head = PooledLinear(512, 1, dropout=0.5)
    x = torch.ones(1, 512, 1, 1)
    assert not torch.equal(head.train()(x), head(x))
    assert torch.equal(head.eval()(x), head(x))


def test_keys_are_those_of_published_classifiers() -> None:
    assert list(PooledLinear(4, 2).state_dict()) == ["fc.weight", "fc.bias"]
