"""Everything that decides a step, stopped in the middle and gone on with: the bits of a straight run."""

import io
from dataclasses import replace
from typing import Any

import pytest
import torch

from plusx.engine.anchor import Anchor
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.lookahead import Lookahead
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.sharpness import Sharpness
from plusx.engine.step import Stepper

PLAN = Plan(epochs=3, frozen_epochs=1, stage_decay=0.5, accumulate=2)
PLANS = {
    "lamb": replace(PLAN, optimizer=Lamb()),
    "lion": replace(PLAN, optimizer=Lion(rate=1e-3), decays="all"),
    "muon": replace(PLAN, optimizer=Muon(), decays="all-but-norms"),
    "rmsprop": replace(PLAN, optimizer=RMSpropTF(), centralise=True, adaptive_clip=0.01, clip=1.0),
    "lookahead": replace(PLAN, lookahead=Lookahead(k=4)),
    "lookahead, lamb, sam": replace(PLAN, optimizer=Lamb(), lookahead=Lookahead(k=2), sharpness=Sharpness(every=2)),
    "anchor": replace(PLAN, optimizer=SGD(), anchor=Anchor(), sharpness=Sharpness(0.5, adaptive=True)),
}


def run(tiny: Any, plan: Plan, placement: Placement, stop: int | None = None) -> dict[str, torch.Tensor]:
    """Weights and statistics after 3 epochs; stopped after `stop` steps and gone on with from the bytes of a file."""
    made, step = Stepper(tiny.seeded(dropout=0.2), plan, placement, tiny.prepare), 0
    torch.manual_seed(5)
    for epoch in range(3):
        made.begin_epoch(epoch)
        batches = list(tiny.batches(16, 4).epoch(epoch))
        for first in (0, 2):
            made.step(batches[first : first + 2], Position(epoch, first, step), 1 / (1 + step))
            step += 1
            if step == stop:
                file = io.BytesIO()
                torch.save(made.state_dict(), file)
                other = tiny.seeded(dropout=0.2)
                torch.nn.init.ones_(other.backbone.conv1[0].weight)  # not where the run began
                file.seek(0)
                made = Stepper(other, plan, placement, tiny.prepare)
                made.load_state_dict(torch.load(file, weights_only=True))
                made.begin_epoch(epoch)
    return made.task.state_dict()


@pytest.mark.parametrize("name", PLANS)
def test_a_run_that_was_stopped_ends_with_the_same_bits(tiny: Any, name: str) -> None:
    plan = PLANS[name]
    assert Plan.from_json(plan.to_json()) == plan
    for last in (False, True):
        placement = replace(tiny.cpu, channels_last=last)
        straight = run(tiny, plan, placement)
        for stop in (1, 3):
            resumed = run(tiny, plan, placement, stop)
            assert all(torch.equal(value, straight[key]) for key, value in resumed.items()), (last, stop)
