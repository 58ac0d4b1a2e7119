import json
from typing import Any

import pytest

from plusx.core.errors import InputError
from plusx.engine.averages.ema import Ema
from plusx.engine.averages.swa import Swa
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import OPTIMIZERS, SCHEDULES, Plan, check_continues
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.multistep import MultiStep


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_a_plan_survives_json(optimizer: str, schedule: str) -> None:
    plan = Plan(optimizer=OPTIMIZERS[optimizer](), schedule=SCHEDULES[schedule](), clip=1.0, average=Ema(0.99))
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    check_continues(plan, again, 0)


def test_a_plan_of_an_older_version_has_the_defaults_of_what_came_later() -> None:
    written = json.loads(json.dumps(Plan(epochs=3, optimizer=SGD(rate=0.5)).to_json()))
    older = {name: value for name, value in written.items() if name in {"epochs", "optimizer", "schedule", "clip"}}
    assert Plan.from_json(older) == Plan(epochs=3, optimizer=SGD(rate=0.5))


def test_the_frozen_phase_has_its_own_short_schedule() -> None:
    plan = Plan(epochs=3, frozen_epochs=1, schedule=Constant(warmup=0.5))
    frozen = [plan.factor(step, 10) for step in range(10)]
    assert frozen == pytest.approx([1 / 3, 2 / 3, *[1.0] * 8])
    assert [plan.factor(step, 10) for step in range(10, 30)] == pytest.approx(
        [*[(step + 1) / 10 for step in range(10)], *[1.0] * 10]
    )


def test_the_rate_stays_above_zero_where_the_average_begins_before_the_backbone_joins() -> None:
    average = Swa(start=0.25, rate=0.05, anneal=4)
    plan = Plan(epochs=8, frozen_epochs=4, average=average, schedule=Cosine(warmup=0.05))
    assert min(plan.factor(step, 20) for step in range(160)) > 0


def test_a_plan_that_is_frozen_throughout() -> None:
    assert Plan(epochs=1, frozen_epochs=1).factor(9, 10) == 1.0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 0}, r"Plan.epochs is 0; it has to be at least 1"),
        ({"accumulate": 0}, r"Plan.accumulate is 0"),
        ({"epochs": 2, "frozen_epochs": 3}, r"Plan.frozen_epochs is 3; it has to be at least 0 and below 3"),
        ({"gradual": -1}, r"Plan.gradual is -1; it has to be at least 0"),
        ({"trained_stages": -1}, r"Plan.trained_stages is -1; it has to be at least 0"),
        ({"stage_decay": 0}, r"Plan.stage_decay is 0; it has to be above 0"),
        ({"clip": 0}, r"Plan.clip is 0"),
        ({"patience": 0}, r"Plan.patience is 0"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        Plan(**changes)


def test_only_epochs_may_change() -> None:
    check_continues(Plan(epochs=3), Plan(epochs=9), 2)
    with pytest.raises(InputError, match=r"begun with other settings \(clip: None → 1.0; optimizer.betas: .* → unset"):
        check_continues(Plan(), Plan(clip=1.0, optimizer=SGD()), 0)
    with pytest.raises(InputError, match=r"schedule.milestones: \(0.5, 0.75\) → \(0.4, 0.75\)\)"):
        check_continues(Plan(schedule=MultiStep()), Plan(schedule=MultiStep((0.4, 0.75))), 0)
    with pytest.raises(InputError, match=r"epochs is 2, but this run has finished 3 already. Ask for 3 or more"):
        check_continues(Plan(epochs=5), Plan(epochs=2), 3)


def test_unknown_names_in_a_saved_plan() -> None:
    values = Plan().to_json()
    with pytest.raises(InputError, match=r"Unknown optimizer 'adam'. Did you mean adamw"):
        Plan.from_json({**values, "optimizer": {"name": "adam"}})


def test_the_plan_of_an_older_version_is_read() -> None:
    values = {key: value for key, value in Plan().to_json().items() if key != "average"}
    assert Plan.from_json({**values, "ema": 0.9}) == Plan(average=Ema(0.9))
    assert Plan.from_json({**values, "ema": None}) == Plan()
