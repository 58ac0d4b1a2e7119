from dataclasses import replace

from plusx.report.facts import Facts
from plusx.report.page import render
from plusx.report.understanding import classes, gap, loss_gap, steps

STEPS = [
    {"step": float(s), "loss": 2.0, "rate": 0.1, "update/conv1": 0.01 / s, "gradient/conv1": 1.0, "weight/conv1": 2.0}
    for s in (1, 5, 10)
]
FACTS = Facts(title="a", trained="b", created="", command="", primary="accuracy", metrics={"accuracy": 0.9, "nll": 0.3})


def test_nothing_of_a_run_that_measured_nothing() -> None:
    assert steps(FACTS) == gap(FACTS) == loss_gap(FACTS) == classes(FACTS) == []
    page = render(FACTS)
    assert "Step by step" not in page
    assert "Training against validation" not in page


def test_steps() -> None:
    found = steps(replace(FACTS, steps=STEPS))
    assert [one.title for one in found] == [
        "Learning rate, step by step",
        "Step beside weights, ‖Δw‖ / ‖w‖",
        "Gradient norms, ‖g‖",
        "Weight norms, ‖w‖",
    ]
    moved = [{**one, "momentum": 0.9, "gradient/conv1": 0.0} for one in STEPS]
    assert [one.title for one in steps(replace(FACTS, steps=moved))][:3] == [
        "Learning rate, step by step",
        "Momentum, step by step",
        "Step beside weights, ‖Δw‖ / ‖w‖",
    ]  # a gradient of 0 has no place on a logarithmic axis
    many = [{**one, **{f"update/conv{k}": 0.1 for k in range(1, 9)}, "update/head": 0.2} for one in STEPS]
    names = [name for _, name in steps(replace(FACTS, steps=many))[1].legend]
    assert names == ["conv1", "conv2", "conv3", "conv4", "conv5", "head"]


def test_training_against_validation() -> None:
    history = [{"epoch": float(k), "loss": 1 / k, "nll": 1.1 / k} for k in (1, 2, 3)]
    facts = replace(FACTS, training_metrics={"accuracy": 1.0}, trained_on="120 training images", history=history)
    assert gap(facts) == [("Accuracy", "100\N{NO-BREAK SPACE}%", "90.0\N{NO-BREAK SPACE}%")]
    page = render(replace(facts, advice="Over-fitting: much."))
    assert "The kept weights on 120 training images" in page
    assert "Training and validation loss" in page
    assert '<li class="advice"><strong>Over-fitting: much.</strong></li>' in page


def test_classes_are_all_drawn_or_the_ten_worst() -> None:
    def curves(count: int) -> dict[str, dict[str, dict[int, float]]]:
        return {"recall": {f"类{k}": {1: 0.1, 2: k / count} for k in range(count)}}

    [few] = classes(replace(FACTS, class_curves=curves(3)))
    assert few.title == "Recall of classes"
    first, second = classes(replace(FACTS, class_curves=curves(30)))
    assert first.title == "Recall of classes, the 10 worst of 30"
    assert [name for _, name in (*first.legend, *second.legend)] == [f"类{k}" for k in range(10)]
    assert classes(replace(FACTS, class_curves={"AP": {"a": {1: 0.5}}})) == []
