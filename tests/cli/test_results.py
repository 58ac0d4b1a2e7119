import json
from pathlib import Path

from plusx.cli.results import of_evaluation, of_metrics, of_run
from plusx.core.details import ClassScore, Confusion, Details
from plusx.workflows.evaluate import Evaluation
from plusx.workflows.run import Run

SCORES = (ClassScore("玫瑰", 3, 0.75, 1.0, 0.857), ClassScore("empty", 0, None, None, None))
EVALUATION = Evaluation("val", 3, {"accuracy": 0.75, "nll": 1.2}, Details(SCORES))


def test_metrics_are_aligned() -> None:
    assert list(of_metrics({"mae": 0.5, "rmse/高度": 12.25})) == ["mae      0.5000", "rmse/高度  12.2500"]
    assert list(of_metrics({})) == []


def test_a_small_error_is_not_rounded_to_none() -> None:
    assert list(of_metrics({"mae": 0.00002345, "rmse": 0.0})) == ["mae   2.345e-05", "rmse  0.0000"]


def test_an_evaluation_has_a_row_a_class_and_no_number_where_none_is_defined() -> None:
    assert list(of_evaluation(EVALUATION, as_json=False)) == [
        "3 images (val)",
        "accuracy  0.7500",
        "nll       1.2000",
        "  precision 0.750  recall 1.000  f1 0.857  images     3  玫瑰",
        "  precision     -  recall     -  f1     -  images     0  empty",
    ]


def test_all_images_are_no_split() -> None:
    assert next(of_evaluation(Evaluation("all", 7, {}, Details()), as_json=False)) == "all 7 images"


def test_json_is_one_object() -> None:
    (line,) = of_evaluation(EVALUATION, as_json=True)
    assert json.loads(line) == {"split": "val", "images": 3, "metrics": {"accuracy": 0.75, "nll": 1.2}}


def test_what_the_test_images_say_stands_apart() -> None:
    lines = list(of_run(Run(Path("a"), {"accuracy": 0.5}, test_metrics={"accuracy": 0.25, "nll": 2.0})))
    assert lines[:5] == [
        "On the validation images, by which the best epoch was chosen:",
        "accuracy  0.5000",
        "On the test images, by which nothing was chosen:",
        "accuracy  0.2500",
        "nll       2.0000",
    ]


def test_a_run_says_what_to_do_next() -> None:
    lines = list(of_run(Run(Path("runs/a b"), {"accuracy": 0.5}, agreement="same decision on 100.00% of 2 images")))
    assert lines == [
        "accuracy  0.5000",
        "model.onnx: same decision on 100.00% of 2 images",
        "Report: runs/a b/report.html",
        "Predict with: plusx predict 'runs/a b' photo.jpg",
    ]
    assert not any("onnx" in line for line in of_run(Run(Path("a"), {})))


def test_of_boxes_the_threshold_is_said() -> None:
    rows = (ClassScore("cat", 3, 0.5, 1.0, 2 / 3, score=0.4125), ClassScore("dog", 0, None, None, None))
    details = Details(rows, Confusion(("cat", "dog"), ((1, 0), (0, 0)), "boxes"), basis="at IoU 0.5")
    assert list(of_evaluation(Evaluation("val", 3, {}, details), as_json=False))[1:] == [
        "at IoU 0.5:",
        "  precision 0.500  recall 1.000  f1 0.667  score from 0.412  boxes     3  cat",
        "  precision     -  recall     -  f1     -  boxes     0  dog",
    ]
