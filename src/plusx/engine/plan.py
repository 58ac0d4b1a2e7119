"""Plan: everything that decides how the weights change, as one frozen value that is saved with the run.

Continuing a run with another plan: only `epochs` and `patience` may change. With other `epochs` the schedule is
computed over the new total and goes on at the step that was reached: the rate may jump, up when epochs were added, down
when some were taken away. `patience` decides where the run ends and no step.
Any other changed field is refused by name (`check_continues`), for the result would be that of neither plan.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from plusx.core.errors import InputError, unknown
from plusx.core.registry import Registry, filled
from plusx.engine.anchor import Anchor
from plusx.engine.averages.average import AverageConfig
from plusx.engine.averages.ema import Ema
from plusx.engine.averages.swa import Swa
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.lookahead import Lookahead
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.optimizer import OptimizerConfig, check_positive, check_range
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.phases import last_joins, learning_stages
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.flat_cosine import FlatCosine
from plusx.engine.schedules.inverse_sqrt import InverseSqrt
from plusx.engine.schedules.multistep import MultiStep
from plusx.engine.schedules.one_cycle import OneCycle
from plusx.engine.schedules.polynomial import Polynomial
from plusx.engine.schedules.schedule import Schedule
from plusx.engine.schedules.step import Step
from plusx.engine.sharpness import Sharpness

OPTIMIZERS: Registry[Callable[..., OptimizerConfig]] = filled(
    "optimizer", {"sgd": SGD, "adamw": AdamW, "lamb": Lamb, "lion": Lion, "muon": Muon, "rmsprop": RMSpropTF}
)
SCHEDULES: Registry[Callable[..., Schedule]] = filled(
    "schedule",
    {
        "cosine": Cosine,
        "constant": Constant,
        "multistep": MultiStep,
        "one-cycle": OneCycle,
        "step": Step,
        "polynomial": Polynomial,
        "inverse-sqrt": InverseSqrt,
        "flat-cosine": FlatCosine,
    },
)
AVERAGES: Registry[Callable[..., AverageConfig]] = filled("average", {"ema": Ema, "swa": Swa})
PARTS: Mapping[str, Registry[Any]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "frozen_schedule": SCHEDULES,
    "average": AVERAGES,
    "lookahead": filled("lookahead", {"lookahead": Lookahead}),
    "sharpness": filled("sharpness", {"sam": Sharpness}),
    "anchor": filled("anchor", {"l2-sp": Anchor}),
}
"""The fields of a plan that hold a configuration of their own, or None: what may stand there, by name."""


Decays: TypeAlias = Literal["matrices", "all-but-norms", "all"]


@dataclass(frozen=True)
class Plan:
    """`epochs` counts all passes over the data, the first `frozen_epochs` of which train everything but the backbone.
    After them all its stages learn; or with `gradual` one more every so many epochs, from the head on; or the last
    `trained_stages` alone, ever.

    A stage's rate is `optimizer.rate` × schedule × `stage_decay` ^ (its distance from the head; the last stage has 1).
    """

    epochs: int = 10
    optimizer: OptimizerConfig = field(default_factory=AdamW)
    schedule: Schedule = field(default_factory=Cosine)
    accumulate: int = 1  # batches whose gradients make one step, each weighted by its number of samples
    lookahead: Lookahead | None = None  # around the optimizer
    sharpness: Sharpness | None = None  # SAM or ASAM: the gradient is taken at the worst neighbour
    decays: Decays = "matrices"  # what weight decay reaches: see engine.groups
    anchor: Anchor | None = None  # L2-SP, in the place of weight decay
    centralise: bool = False  # gradients lose their means
    adaptive_clip: float | None = None  # largest norm of a unit's gradient, as a share of its weights' norm
    clip: float | None = None  # largest L2 norm of all gradients together
    average: AverageConfig | None = None  # of the weights; it is what gets evaluated and kept
    frozen_epochs: int = 0
    frozen_schedule: Schedule | None = None  # of the rate in them; None: a rise, then the full rate
    gradual: int = 0  # epochs from one stage to the next one; 0: all join at once
    trained_stages: int | None = None  # of the backbone, counted from the head; None: all
    stage_decay: float = 1.0
    frozen_norm: bool = False  # the backbone's BatchNorms keep their statistics; their scale and shift still learn
    patience: int | None = None  # epochs without a better metric before stopping early
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("Plan.epochs", self.epochs, 1, float("inf"))
        check_range("Plan.accumulate", self.accumulate, 1, float("inf"))
        check_range("Plan.frozen_epochs", self.frozen_epochs, 0, self.epochs + 1)
        check_range("Plan.gradual", self.gradual, 0, float("inf"))
        if self.trained_stages is not None:
            check_range("Plan.trained_stages", self.trained_stages, 0, float("inf"))
        check_positive("Plan.stage_decay", self.stage_decay)
        if self.clip is not None:
            check_positive("Plan.clip", self.clip)
        if self.adaptive_clip is not None:
            check_positive("Plan.adaptive_clip", self.adaptive_clip)
        if self.decays not in get_args(Decays):
            raise unknown("set of decayed parameters", self.decays, get_args(Decays))
        if self.patience is not None:
            check_range("Plan.patience", self.patience, 1, float("inf"))
        if self.epochs > self.frozen_epochs:
            self.schedule.check_fits(self.epochs - self.frozen_epochs)
        if self.frozen_schedule is not None and self.frozen_epochs:
            self.frozen_schedule.check_fits(self.frozen_epochs)

    def learning_stages(self, epoch: int, stages: int) -> int:
        """How many of the backbone's `stages` learn in `epoch` (from 0), counted from the head."""
        ever = stages if self.trained_stages is None else self.trained_stages
        return learning_stages(epoch, min(ever, stages), self.frozen_epochs, self.gradual)

    def last_joins(self, stages: int) -> int:
        """The epoch (from 0) from which on as many of the backbone's `stages` learn as ever will."""
        ever = stages if self.trained_stages is None else self.trained_stages
        return last_joins(min(ever, stages), self.frozen_epochs, self.gradual)

    def without_phases(self) -> "Plan":
        """From the first step on all learns that ever will: what takes most memory and time."""
        return replace(self, frozen_epochs=0, frozen_schedule=None, gradual=0)

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """The rate's factor at `step` (from 0) of the whole run.

        The frozen phase is a phase of its own: its `frozen_schedule`, or a linear rise over its first `FROZEN_WARMUP`
        and then the full rate. When the backbone joins, the schedule begins at its start, over the steps that are left.
        """
        frozen = self.frozen_epochs * steps_per_epoch
        if step < frozen:
            schedule = Constant(warmup=FROZEN_WARMUP) if self.frozen_schedule is None else self.frozen_schedule
            return schedule.factor(step, frozen, steps_per_epoch)
        steps = self.epochs * steps_per_epoch

        def scheduled(at: int) -> float:
            return self.schedule.factor(max(0, at - frozen), steps - frozen, steps_per_epoch)

        return scheduled(step) if self.average is None else self.average.factor(scheduled, step, steps, steps_per_epoch)

    def momentum(self, step: int, steps_per_epoch: int) -> float | None:
        """The optimizer's momentum (of Adam and its kin β1) at `step`, where the schedule moves it."""
        frozen = self.frozen_epochs * steps_per_epoch
        if step < frozen:
            return None
        return self.schedule.momentum(step - frozen, self.epochs * steps_per_epoch - frozen, steps_per_epoch)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Plan.from_json` gives an equal plan."""
        return {**vars(self), **{part: _named(table, getattr(self, part)) for part, table in PARTS.items()}}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Plan":
        """A field that an older version did not write has its default."""
        if "ema" in values:  # as it was once called: a decay or None
            decay = values["ema"]
            average = None if decay is None else {"name": "ema", "decay": decay}
            values = {"average": average, **{key: value for key, value in values.items() if key != "ema"}}
        built = {part: _built(table, values[part]) for part, table in PARTS.items() if part in values}
        return Plan(**{**values, **built})


FROZEN_WARMUP = 0.3
"""Fraction of the frozen phase that rises: a new head's first gradients are large and all point one way."""


MAY_CHANGE = ("epochs", "patience")


def check_continues(saved: Plan, now: Plan, epochs_done: int) -> None:
    """Raises InputError when a run that was begun with `saved` cannot go on with `now`; the text lists what differs."""
    before, after = _flat(saved.to_json()), _flat(now.to_json())
    changed = [
        f"{field}: {before.get(field, 'unset')} → {after.get(field, 'unset')}"
        for field in sorted({*before, *after})
        if field not in MAY_CHANGE and before.get(field) != after.get(field)
    ]
    if changed:
        raise InputError(
            f"This run was begun with other settings ({'; '.join(changed)}). Only epochs and patience may change when "
            "a run continues. Set the others back, or begin a new run."
        )
    if now.epochs < epochs_done:
        raise InputError(
            f"epochs is {now.epochs}, but this run has finished {epochs_done} already. Ask for {epochs_done} or more."
        )


def _named(table: Registry[Any], config: Any) -> dict[str, Any] | None:
    if config is None:
        return None
    names = {kind: name for name, kind in table.items()}
    assert type(config) in names, f"{type(config).__name__} is in no table of {table.what}s"
    return {"name": names[type(config)], **asdict(config)}


def _built(table: Registry[Any], values: Mapping[str, Any] | None) -> Any:
    if values is None:
        return None
    settings = dict(values)
    return table[settings.pop("name")](**_tuples(settings))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings under dotted names; sequences as tuples, as JSON does not tell lists from tuples."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{inner}": v for inner, v in _tuples(value).items()})
        else:
            flat[key] = value
    return flat
