from dataclasses import replace
from typing import Any

import pytest

from plusx.workflows.advice import Evidence, advice

HEALTHY = Evidence(
    history=[{"train/loss": loss, "val/nll": nll} for loss, nll in ((2.1, 1.9), (1.4, 1.0), (0.9, 0.6), (0.85, 0.55))],
    steps=[{"loss": 2.3, "update/conv1": 0.004, "silent/conv1": 0.0}] * 4,
    best_epoch=4,
    training=0.97,
    validation=0.95,
    trained=500,
    judged=500,
    chance=0.1,
    sureness=0.9,
    wrong=25,
)


def changed(**values: Any) -> str:
    return advice(replace(HEALTHY, **values))


def history(losses: list[float], nll: list[float]) -> list[dict[str, float]]:
    return [{"train/loss": loss, "val/nll": value} for loss, value in zip(losses, nll, strict=True)]


def test_none_for_a_healthy_run() -> None:
    assert advice(HEALTHY) == ""
    assert changed(training=None, validation=None, sureness=None) == ""
    assert advice(Evidence(history=[], steps=[], best_epoch=0)) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"training": 1.0, "validation": 0.8, "trained": 20, "judged": 20},  # a gap that chance may have made
        {"training": 1.0, "validation": 0.8},  # a gap, while validation still gets better
        {"training": 0.8, "validation": 0.79, "best_epoch": 2},  # not good, but longer was not better
        {"training": 0.7, "validation": 0.7, "sureness": 0.8, "wrong": 150, "best_epoch": 2},  # hard images
        {"sureness": 0.5, "wrong": 29},  # too few wrong answers to tell
        {"steps": [{"loss": 2.3, "update/conv1": 0.2, "silent/conv1": 0.9}] * 2},  # large steps that train
    ],
)
def test_none_where_it_is_not_clear(values: dict[str, Any]) -> None:
    assert changed(**values) == ""


def test_rate_too_high() -> None:
    steps = [{"loss": 2.3, "update/conv1": 0.3, "update/conv2": 0.01}] * 3
    assert changed(steps=steps, history=history([80.0, 2.4], [9.0, 3.0])) == (
        "The learning rate looks too high: the training loss rose from 2.3 to 80. Try a tenth of it, or --rate auto."
    )
    assert changed(steps=steps, history=history([2.5, 2.4], [9.0, 3.0])) == (
        "The learning rate looks too high: a step changes conv1 by 30 % of its weights, and the training loss did not "
        "fall. Try a tenth of it, or --rate auto."
    )


def test_dead_units() -> None:
    steps = [{"loss": 2.3, "update/conv4": 0.01, "silent/conv4": share} for share in (0.0, 0.7, 0.62, 0.8)]
    assert changed(steps=steps) == (
        "Dead units: 62 % of the channels of conv4 get no gradient any more. Train anew with a lower --rate or a "
        "longer --warmup-epochs."
    )


def test_label_noise() -> None:
    assert changed(training=0.72, validation=0.7, sureness=0.52, wrong=150) == (
        "Label noise suspected: the network has learned, and is as sure of the validation answers that count as wrong "
        "as of the right ones. Look at the labels with: plusx labels RUN"
    )
    shuffled = (
        "Label noise suspected: the network learned the training images, and is no better than chance on validation "
        "images. Look at the labels with: plusx labels RUN"
    )
    assert changed(training=0.9, validation=0.11, sureness=0.5, wrong=445) == shuffled
    by_heart = history([2.3, 1.5, 0.8, 0.4], [2.3, 2.5, 3.0, 3.2])
    assert changed(training=0.15, validation=0.12, history=by_heart, sureness=0.5, wrong=440) == shuffled
    assert "Label noise" not in changed(training=0.15, validation=0.12, sureness=0.5, wrong=440, history=by_heart[:2])


def test_over_fitting() -> None:
    rising = history([2.1, 1.0, 0.4, 0.1], [1.9, 1.0, 1.1, 1.4])
    assert changed(training=1.0, validation=0.7, history=rising) == (
        "Over-fitting: 100 % right on training images, 70 % on validation images, whose loss rises. More images, "
        "stronger --augment, or pretrained --weights help."
    )


def test_under_fitting() -> None:
    assert changed(training=0.4, validation=0.39, history=history([2.3, 1.9], [2.2, 1.8]), best_epoch=2) == (
        "Under-fitting: 40 % right on training images, and the loss was still falling by 17 % at the end. Train for "
        "more --epochs."
    )
