import pytest

from plusx.core.errors import InputError
from plusx.tasks import settings
from plusx.tasks.classify import ClassifyConfig
from plusx.tasks.multilabel import MultiLabelConfig
from plusx.tasks.regress import RegressConfig


def test_unknown_key_is_named_with_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"Unknown setting of the task classify 'label_smothing'. Did you mean label_sm"
    ):
        settings.read(ClassifyConfig, "classify", {"classes": ["a"], "label_smothing": 0.1})


def test_missing_key_is_named() -> None:
    with pytest.raises(InputError, match="The task regress needs the setting 'columns'; found only \\['mean'\\]"):
        settings.read(RegressConfig, "regress", {"mean": [1.0]})


def test_round_trip() -> None:
    config = MultiLabelConfig(("a", "b"), threshold=0.3, positive_weights=(1.0, 2.0))
    assert settings.read(MultiLabelConfig, "multilabel", settings.to_json(config)) == config


@pytest.mark.parametrize("classes", [(), "abc"])
def test_classes_are_a_list_of_names(classes: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="needs the classes as a list of at least one name"):
        ClassifyConfig(classes)


def test_repeated_names() -> None:
    with pytest.raises(
        InputError, match=r"The task multilabel has classes that occur twice: b. Give each its own name"
    ):
        MultiLabelConfig(("a", "b", "b"))


def test_shares() -> None:
    with pytest.raises(InputError, match=r"needs dropout from 0 to below 1, not 1.0"):
        ClassifyConfig(("a", "b"), dropout=1.0)
    with pytest.raises(InputError, match=r"needs label_smoothing from 0 to below 1, not -0.1"):
        ClassifyConfig(("a", "b"), label_smoothing=-0.1)
    with pytest.raises(InputError, match="needs threshold from 0 to below 1, not 50"):
        MultiLabelConfig(("a", "b"), threshold=50)


def test_weights() -> None:
    with pytest.raises(InputError, match="has 2 classes but 1 class_weights; give one a class"):
        ClassifyConfig(("a", "b"), class_weights=(1.0,))
    with pytest.raises(InputError, match=r"needs class_weights above 0; found b: 0.0, c: nan"):
        ClassifyConfig(("a", "b", "c"), class_weights=(1.0, 0.0, float("nan")))


def test_regression_columns() -> None:
    with pytest.raises(InputError, match="has 2 columns but 1 values for mean; give one a column"):
        RegressConfig(("a", "b"), mean=(1.0,))
    with pytest.raises(InputError, match="needs finite numbers for std"):
        RegressConfig(("a",), std=(float("nan"),))
    with pytest.raises(InputError, match="needs std of at least 0"):
        RegressConfig(("a",), std=(-1.0,))
