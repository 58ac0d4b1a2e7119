import numpy as np
import pytest

from plusx.data.confident import confident, normalised_margin, ranked, self_confidence


def noisy(seed: int, images: int = 400, classes: int = 5, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a middling model, and labels of which a tenth are wrong."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, images)
    scores = random.normal(size=(images, classes))
    scores[np.arange(images), true] += sharpness
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    flipped = random.random(images) < 0.1
    return probabilities, np.where(flipped, (true + random.integers(1, classes, images)) % classes, true)


def slow(probabilities: np.ndarray, labels: np.ndarray) -> set[int]:
    """The definition, word for word."""
    classes = probabilities.shape[1]
    means = {j: np.mean([p[j] for p, i in zip(probabilities, labels, strict=True) if i == j]) for j in set(labels)}
    found = set()
    for n, (p, i) in enumerate(zip(probabilities, labels, strict=True)):
        sure = [j for j in range(classes) if j in means and p[j] >= means[j] - 1e-6]
        if sure and max(sure, key=lambda j: p[j]) != i and max(range(classes), key=lambda j: p[j]) != i:
            found.add(n)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_definition(seed: int) -> None:
    probabilities, labels = noisy(seed)
    found = confident(probabilities, labels)
    assert set(np.flatnonzero(found.wrong)) == slow(probabilities, labels)
    assert found.joint.sum() == (found.proposed >= 0).sum()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sharpness", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_chosen_images_are_those_of_the_reference(seed: int, sharpness: float) -> None:
    filters = pytest.importorskip("cleanlab.filter")
    rank = pytest.importorskip("cleanlab.rank")
    probabilities, labels = noisy(seed, sharpness=sharpness)
    reference = filters.find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    found = confident(probabilities, labels)
    assert set(np.flatnonzero(found.wrong)) == set(np.flatnonzero(reference))
    margins = rank.get_normalized_margin_for_each_label(labels, probabilities)
    assert np.allclose(normalised_margin(probabilities, labels), 2 * margins - 1)
    assert np.allclose(
        self_confidence(probabilities, labels), rank.get_self_confidence_for_each_label(labels, probabilities)
    )


def test_the_likeliest_come_first() -> None:
    probabilities, labels = noisy(0)
    order = ranked(normalised_margin(probabilities, labels), confident(probabilities, labels).wrong)
    margins = normalised_margin(probabilities, labels)[order]
    assert (np.diff(margins) >= 0).all()
    assert (margins < 0).all()


def test_a_class_without_images_is_never_proposed() -> None:
    probabilities = np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05], [0.2, 0.7, 0.1]])
    found = confident(probabilities, np.array([0, 0, 1]))
    assert np.isinf(found.thresholds[2])
    assert 2 not in found.proposed
