from dataclasses import replace

from plusx.report.curves import curves, only_epoch
from plusx.report.facts import Facts


def titles(facts: Facts) -> list[str]:
    return [figure.title for figure in curves(facts)]


def test_shares_together_primary_first_and_everything_else_alone(facts: Facts) -> None:
    assert titles(facts) == [
        "Validation",
        "Training loss",
        "Validation: Negative log-likelihood",
        "Validation: Calibration error",
        "Learning rate",
        "Images per second",
    ]
    assert next(name for _, name in curves(replace(facts, primary="macro-f1"))[0].legend) == "Macro F1"


def test_no_history() -> None:
    assert curves(Facts("t", "", "", "", "accuracy", {}, history=())) == []


def test_one_epoch_makes_values_and_no_charts(facts: Facts) -> None:
    alone = replace(
        facts,
        history=[
            {"epoch": 1, "loss": 2.5, "loss/distance": 0.5, "accuracy": 0.25, "seconds": 9.0, "learning_rate": 0.01}
        ],
    )
    assert curves(alone) == []
    assert only_epoch(alone) == [
        ("Training loss", "2.5"),
        ("Training loss, distance", "0.5"),
        ("Learning rate", "0.01"),
    ]
    assert only_epoch(facts) == []


def test_values_missing_in_some_epochs_and_words_among_them(facts: Facts) -> None:
    history = [{"epoch": 1, "loss": 2.0, "stopped": "no"}, {"epoch": 2, "loss": 1.0, "accuracy": None}, {"epoch": 3}]
    assert titles(replace(facts, history=history)) == ["Training loss"]


def test_parts_of_the_loss_share_a_chart(facts: Facts) -> None:
    history = [{"epoch": e, "loss": 2.0, "loss/cross-entropy": 1.5, "loss/distillation": 0.5} for e in (1, 2)]
    [figure] = curves(replace(facts, history=history))
    assert [name for _, name in figure.legend] == ["sum", "cross-entropy", "distillation"]


def test_at_most_twelve_charts_primary_among_them(facts: Facts) -> None:
    history = [{"epoch": e, **{f"mae/c{c}": 1.0 for c in range(40)}} for e in (1, 2)]
    charts = titles(replace(facts, history=history, primary="mae/c39"))
    assert len(charts) == 12
    assert charts[0] == "Validation: Mean absolute error, c39"
