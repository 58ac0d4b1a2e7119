import torch

from plusx.engine.averages.soup import greedily, mean_of


def test_the_mean_of_weights_and_the_counts_of_the_first() -> None:
    some = [{"w": torch.tensor([1.0, 2.0 + n]), "n": torch.tensor(n)} for n in range(3)]
    found = mean_of(some)
    assert found["w"].tolist() == [1.0, 3.0]
    assert found["w"].dtype is torch.float32
    assert found["n"] == 0
    found["n"] += 1
    assert some[0]["n"] == 0


def test_greedily_as_in_the_paper() -> None:
    """Recipe 1 of Wortsman et al. 2022 on soups whose scores are known."""
    alone = [0.7, 0.9, 0.8, 0.6]
    soups: dict[tuple[int, ...], float] = {(1, 2): 0.85, (1, 0): 0.9, (1, 0, 3): 0.95}
    asked: list[tuple[int, ...]] = []

    def score(some: object) -> float:
        asked.append(tuple(some))  # type: ignore[call-overload]
        return soups[asked[-1]]

    assert greedily(alone, score) == ([1, 0, 3], 0.95)
    assert asked == [(1, 2), (1, 0), (1, 0, 3)]


def test_what_has_no_score_comes_last() -> None:
    assert greedily([float("nan"), 1.0, 2.0], lambda some: float("nan") if 0 in some else 2.0) == ([2, 1], 2.0)
