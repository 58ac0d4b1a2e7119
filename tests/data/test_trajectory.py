import numpy as np
import pytest

from plusx.data.trajectory import Trajectory, drawn_threshold_samples, judged


def course(seed: int, epochs: int = 6, images: int = 300, classes: int = 4) -> tuple[np.ndarray, ...]:
    """Logits (T, N, c + 1) of a training that learns its labels by heart, labels, wrong ones, threshold samples."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, images)
    wrong = random.random(images) < 0.1
    labels = np.where(wrong, (true + random.integers(1, classes, images)) % classes, true)
    drawn = drawn_threshold_samples(images, classes, seed)
    trained_as = labels.copy()
    trained_as[drawn] = classes
    logits = random.normal(size=(epochs, images, classes + 1))
    steps, every = np.arange(epochs, dtype=float), np.arange(images)
    logits[:, every, true] += 2 + np.minimum(steps, 3)[:, None]  # what others teach, at once
    logits[:, every, trained_as] += steps[:, None]  # by heart, slowly
    return logits, labels, wrong, drawn


def followed(logits: np.ndarray, labels: np.ndarray, drawn: np.ndarray) -> Trajectory:
    path = Trajectory.none(len(labels), logits.shape[2] - 1)
    for one in logits:
        path = path.after(one, labels, drawn)
    return path


def slow(logits: np.ndarray, labels: np.ndarray, drawn: np.ndarray) -> tuple[float, np.ndarray]:
    """The definition, word for word: threshold and area under the margin."""

    def area(image: int, label: int, count: int) -> float:
        found = [row[image][label] - max(row[image][j] for j in range(count) if j != label) for row in logits]
        return sum(found) / len(found)

    classes, made_up = logits.shape[2] - 1, set(drawn.tolist())
    threshold = np.percentile([area(image, classes, classes + 1) for image in made_up], 99)
    areas = [area(n, label, classes + (n not in made_up)) for n, label in enumerate(labels.tolist())]
    return float(threshold), np.array(areas)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_definition(seed: int) -> None:
    logits, labels, _, drawn = course(seed)
    found = judged(followed(logits, labels, drawn), labels, drawn)
    threshold, areas = slow(logits, labels, drawn)
    assert found.threshold == pytest.approx(threshold)
    np.testing.assert_allclose(found.margins, areas)
    proposed = logits[:, :, :-1].mean(axis=0).argmax(axis=1)
    np.testing.assert_array_equal(found.proposed, proposed)
    np.testing.assert_array_equal(found.wrong, (areas < threshold) & (proposed != labels))
    assert ((found.confidence > 0) & (found.confidence < 1)).all()


@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_lie_below_the_threshold_though_they_are_learned_by_heart(seed: int) -> None:
    logits, labels, wrong, drawn = course(seed)
    found = judged(followed(logits, labels, drawn), labels, drawn)
    assert (found.wrong & wrong).sum() >= 0.8 * wrong.sum()
    assert (found.wrong & wrong).sum() >= 0.8 * found.wrong.sum()


def test_threshold_samples_are_one_of_classes_and_one_more() -> None:
    drawn = drawn_threshold_samples(1000, 9, seed=1)
    assert len(set(drawn.tolist())) == 100
    assert drawn.tolist() == sorted(drawn.tolist()) == drawn_threshold_samples(1000, 9, seed=1).tolist()
    assert drawn.tolist() != drawn_threshold_samples(1000, 9, seed=2).tolist()
    assert len(drawn_threshold_samples(3, 9, seed=0)) == 1


def test_the_sums_before_stay_as_they_are() -> None:
    logits, labels, _, drawn = course(0)
    path = followed(logits, labels, drawn)
    before = path.trained.copy()
    judged(path, labels, drawn)
    path.after(logits[0], labels, drawn)
    np.testing.assert_array_equal(path.trained, before)
