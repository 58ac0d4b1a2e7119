import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.prediction import LabelPrediction, LabelsPrediction, ValuePrediction

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_classes_are_ranked_and_the_first_of_equals_wins() -> None:
    found = LabelPrediction.of("x.png", ["a", "b", "c"], [0.25, 0.5, 0.25])
    assert (found.label, found.probability) == ("b", 0.5)
    assert list(found.probabilities) == ["b", "a", "c"]
    assert LabelPrediction.of("x", ["a", "b"], [0.5, 0.5]).label == "a"


def test_one_class_is_still_a_prediction() -> None:
    assert LabelPrediction.of("x", ["only"], [1.0]).probabilities == {"only": 1.0}


@given(probabilities)
def test_ranking_keeps_every_class_with_its_probability(values: list[float]) -> None:
    classes = [f"class {i}" for i in range(len(values))]
    found = LabelPrediction.of("x", classes, values)
    assert found.probabilities == dict(zip(classes, values, strict=True))
    assert list(found.probabilities.values()) == sorted(values, reverse=True)
    assert found.probability == max(values)


@given(probabilities, st.floats(0, 1))
def test_labels_are_those_at_or_above_the_threshold(values: list[float], threshold: float) -> None:
    classes = [f"class {i}" for i in range(len(values))]
    found = LabelsPrediction.of("x", classes, values, threshold)
    assert set(found.labels) == {name for name, value in zip(classes, values, strict=True) if value >= threshold}
    assert list(found.probabilities) == classes


def test_no_label_at_all_is_an_answer() -> None:
    assert LabelsPrediction.of("x", ["a", "b"], [0.1, 0.2], 0.5).labels == ()


def test_names_and_numbers_must_be_of_equal_count() -> None:
    with pytest.raises(ValueError, match="zip"):
        ValuePrediction.of("x", ["width"], [1.0, 2.0])
    with pytest.raises(ValueError, match="zip"):
        LabelsPrediction.of("x", ["a"], [0.1, 0.2], 0.5)


def test_json_begins_with_the_image_and_keeps_chinese_names() -> None:
    found = ValuePrediction.of("照片/一.jpg", ["高度"], [1.5]).to_json()
    assert list(found) == ["image", "values"]
    assert json.loads(json.dumps(found)) == {"image": "照片/一.jpg", "values": {"高度": 1.5}}
