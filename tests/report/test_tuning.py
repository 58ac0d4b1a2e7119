from dataclasses import replace

import pytest

from plusx.report.tuning import render_tuning
from plusx.report.tuning_charts import Trial, Tuning

TRIALS = (
    Trial(0, "complete", 0.5, {"model": "a", "rate": 0.01, "flip": True}, {1: 0.3, 2: 0.5}, seconds=3.0),
    Trial(1, "pruned", 0.2, {"model": "b", "rate": 0.1, "flip": False}, {1: 0.2}, "stopped after epoch 1"),
    Trial(2, "fail", None, {"model": "a", "rate": 1.0}, {}, "Loss is nan <b>"),
    Trial(3, "complete", 0.7, {"model": "b", "rate": 0.02, "flip": True}, {1: 0.6, 2: 0.7}),
)
FACTS = Tuning(
    title="花-tune",
    created="today",
    metric="accuracy",
    higher_is_better=True,
    command="plusx fit 花 --rate 0.02",
    best=3,
    trials=TRIALS,
    scales={"model": "choice", "rate": "logarithmic", "flip": "choice"},
    importances={"rate": 0.8, "model": 0.2},
)


def test_the_page_tells_the_search_without_scripts() -> None:
    page = render_tuning(FACTS)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    for words in (
        "花-tune",
        "70.0",
        "plusx fit 花 --rate 0.02",
        "2 whole, 1 stopped early, 1 failed",
        "Loss is nan &lt;b&gt;",
    ):
        assert words in page
    for title in ("History", "Which settings mattered", "All settings at once", "rate (logarithmic)"):
        assert title in page
    assert page.index("<td>3</td>") < page.index("<td>0</td>") < page.index("<td>1</td>") < page.index("<td>2</td>")


@pytest.mark.parametrize("better", [True, False])
def test_one_trial_is_enough(better: bool) -> None:
    alone = replace(FACTS, trials=TRIALS[:1], best=0, importances={}, higher_is_better=better)
    assert "Which settings mattered" not in render_tuning(alone)
