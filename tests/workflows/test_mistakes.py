import torch

from plusx.core.prediction import ValuePrediction
from plusx.workflows.mistakes import badness, decimals, in_words


def test_values_have_the_decimals_that_their_spread_asks_for() -> None:
    targets = torch.tensor([[1e6, 40.0, 2e5, 7.0], [1e6 + 0.02, 60.0, 4e5, 7.0]], dtype=torch.float64)
    assert decimals(targets) == (5, 2, 0, 3)
    prediction = ValuePrediction("a", {"time": 1_000_000.0123456, "age": 51.3333, "price": 250_000.4, "same": 7.0})
    assert in_words(prediction, decimals(targets)) == ("1000000.01235; 51.33; 250000; 7.000", None)


def test_a_right_answer_is_no_mistake() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    wrong = badness(probabilities, torch.tensor([0, 0, 0]), "label")
    assert (wrong > 0).tolist() == [False, True, False]


def test_errors_of_values_count_in_units_of_their_spread() -> None:
    decoded = torch.tensor([[1.0, 1000.0], [2.0, 3500.0]])
    wrong = badness(decoded, torch.tensor([[1.0, 1000.0], [3.0, 3000.0]]), "value")
    assert wrong.tolist() == [0.0, 1.5]
