import json
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.core.errors import InputError
from plusx.engine.averages.ema import Ema
from plusx.engine.averages.swa import Swa
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import AVERAGES, SCHEDULES, Plan
from plusx.engine.rate_range import Sweep
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.one_cycle import OneCycle
from plusx.engine.schedules.polynomial import Polynomial
from plusx.tasks.metrics.classify import ClassifyMetrics
from plusx.workflows.batch_size import Found, resized
from plusx.workflows.building import Design
from plusx.workflows.find_rate import find_rate
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.plan_settings import choose_average, choose_schedule
from plusx.workflows.rate_finder import FoundRate, fitting
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.run import open_run
from plusx.workflows.scoring import METRICS, goal
from plusx.workflows.values import hints_of

QUICK: dict[str, Any] = {"model": "resnet20", "workers": 0, "device": "cpu", "export": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_folder(tmp_path_factory.mktemp("花") / "data", 6)


def test_a_curve_and_a_suggestion(data: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in data.rglob("*"))
    found = find_rate(data, model="resnet20", workers=0, device="cpu", steps=40, out=tmp_path / "rates")
    assert 1e-6 < found.rate < 5
    values = json.loads(found.values.read_text(encoding="utf-8"))
    assert values["suggestion"] == found.rate
    assert len(values["rates"]) == len(values["losses"]) <= 40
    assert ElementTree.fromstring(found.picture.read_text(encoding="utf-8")).tag.endswith("svg")
    assert "Train with: plusx fit ... --optimizer muon --rate " in found.lines()[-1]
    assert sorted(path.name for path in data.rglob("*")) == before


def test_what_has_no_place_in_it(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--rate has no place here: the test goes through all rates, from the start"):
        find_rate(data, rate=0.1)
    with pytest.raises(InputError, match=r"one process: leave --nproc and --shard-model away"):
        find_rate(data, nproc=2)
    with pytest.raises(InputError, match=r"--time-limit has no place here: it chooses network and image size"):
        find_rate(data, time_limit="1m")
    with pytest.raises(InputError, match=r"--overwrite has no place here: two files are written, and no run is"):
        find_rate(data, overwrite=True, out=tmp_path / "rates")
    with pytest.raises(InputError, match=r"out"):
        find_rate(data, model="resnet20", out=data / "rates")


def test_the_batch_that_is_found_is_tested(data: Path, tmp_path: Path, capsys: Any) -> None:
    find_rate(data, model="resnet20", workers=0, device="cpu", steps=20, batch_size="auto", out=tmp_path / "rates")
    assert "batch size " in capsys.readouterr().err


def test_a_run_with_the_rate_that_was_found(data: Path, tmp_path: Path, capsys: Any) -> None:
    settings = {**QUICK, "out": tmp_path / "run", "average": "swa", "schedule": "one-cycle", "metric": "nll"}
    run = fit(data, **settings, rate="auto", epochs=2)
    _, saved = open_run(run.path)
    found = json.loads((run.path / "rate-finder.json").read_text(encoding="utf-8"))
    plan = Plan.from_json(saved["plan"])
    assert plan.optimizer.rate == found["suggestion"]
    assert (plan.schedule, plan.average) == (OneCycle(), Swa())
    assert f"rate {found['suggestion']:g} for Muon (middle of the longest fall" in capsys.readouterr().err
    figures = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    assert figures["nll"] == pytest.approx(min(epoch["val/nll"] for epoch in run.history), rel=1e-3)
    assert len(fit(resume=run.path, epochs=3).history) == 3


def test_names_are_those_of_the_tables() -> None:
    known = hints_of(FitSettings)
    assert set(known["schedule"].__args__[0].__args__) == set(SCHEDULES)
    assert set(known["average"].__args__) == {"auto", "none", *AVERAGES}


def test_a_schedule_takes_over_the_recipes_warm_up() -> None:
    plan = Plan(epochs=9, schedule=Cosine(warmup_epochs=2, warmup_from=0.01, final=0.1, per="epoch"))
    settings = settings_from(FitSettings, {"schedule": "polynomial"})
    assert choose_schedule(settings, plan) == Polynomial(warmup_epochs=2, warmup_from=0.01, warmup=0.05, per="epoch")
    assert choose_schedule(replace(settings, schedule="cosine"), plan) == plan.schedule
    assert choose_schedule(replace(settings, schedule="one-cycle"), plan) == OneCycle(per="epoch")
    assert choose_schedule(FitSettings(warmup_epochs=1), plan) == replace(plan.schedule, warmup_epochs=1)
    with pytest.raises(InputError, match=r"OneCycle rises by itself and takes no warm-up"):
        choose_schedule(FitSettings(schedule="one-cycle", warmup_epochs=1), plan)


def test_an_average_is_the_recipes_where_it_has_one_of_the_kind() -> None:
    plan = Plan(average=Ema(0.9))
    assert choose_average(FitSettings(), plan) == choose_average(FitSettings(average="ema"), plan) == Ema(0.9)
    assert choose_average(FitSettings(average="none"), plan) is None
    assert choose_average(FitSettings(average="swa"), plan) == Swa()


@dataclass
class Scored:
    name: str

    def metrics(self) -> ClassifyMetrics:
        return ClassifyMetrics(["a", "b"])


def test_the_metric_that_decides() -> None:
    task: Any = Scored("classify")
    assert goal(task, None) == ("accuracy", True)
    assert goal(task, "macro-f1") == ("macro-f1", True)
    assert goal(task, "nll") == ("nll", False)
    assert goal(Scored("regress"), "mae/age") == ("mae/age", False)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Unknown metric 'f1'\. Did you mean"):
        goal(task, "f1")
    assert "miou" in METRICS["segment"]


@pytest.mark.parametrize(
    ("optimizer", "rate", "text"),
    [
        (SGD(rate=0.1), 0.4, "the rate goes from 0.1 to 0.4 (SGD: in proportion)"),
        (AdamW(rate=1e-3), 2e-3, "the rate goes from 0.001 to 0.002 (AdamW: by the square root of the ratio)"),
    ],
)
def test_the_rate_goes_with_the_batch_size(optimizer: Any, rate: float, text: str) -> None:
    recipe = finetune(Facts(1000, "label", 3, 224))
    nothing: Any = None
    made = Design(nothing, nothing, replace(recipe, plan=replace(recipe.plan, optimizer=optimizer)), "")
    found = Found(128, {}, "", usual=32)
    larger, rule = resized(made, found, FitSettings())
    assert larger.recipe.batch_size == 128
    assert math.isclose(larger.recipe.plan.optimizer.rate, rate)
    assert rule == text
    assert resized(made, found, FitSettings(rate=0.2))[1] == "the rate is the one given"
    assert resized(made, replace(found, size=32), FitSettings())[1] == "the rate is the recipe's"


def test_as_many_steps_as_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 2.0, 10.0, 10.1, 20.0, 80.0))
    monkeypatch.setattr("plusx.workflows.rate_finder.time.perf_counter", lambda: next(clock))
    assert [fitting(100, lambda: None) for _ in range(3)] == [60, 100, 40]


@pytest.mark.parametrize(("rate", "doubted"), [(0.05, False), (0.0063, False), (0.0004, True), (0.9, True)])
def test_a_suggestion_far_from_the_recipes_rate_is_doubted(rate: float, doubted: bool) -> None:
    found = FoundRate(rate, Sweep((1e-6, 1.0), (2.0, 1.0), rate, rate), 0.05, "SGD")
    assert ("more than 10 times off the recipe's rate" in str(found)) is doubted
