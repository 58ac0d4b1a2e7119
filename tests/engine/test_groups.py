from typing import Any

import pytest
from torch import nn

from plusx.engine.anchor import Anchor
from plusx.engine.groups import decayed, hidden_matrices, parameter_groups
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan


def test_groups_by_distance_and_decay(tiny: Any) -> None:
    task = tiny.seeded()
    groups = parameter_groups(task, Plan(optimizer=SGD(rate=0.4, weight_decay=0.1), stage_decay=0.5))
    table = [(group["name"], group["lr"], group["weight_decay"], len(group["params"])) for group in groups]
    assert table == [
        ("0 from the head, not decayed", 0.4, 0.0, 1),
        ("0 from the head, decayed", 0.4, 0.1, 1),
        ("1 from the head, not decayed", 0.2, 0.0, 3),
        ("1 from the head, decayed", 0.2, 0.1, 1),
        ("2 from the head, not decayed", 0.1, 0.0, 3),
        ("2 from the head, decayed", 0.1, 0.1, 1),
    ]
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in task.parameters())
    assert groups[-1]["params"][0] is task.backbone.conv1[0].weight


def test_parameters_that_do_not_learn_are_left_out(tiny: Any) -> None:
    task = tiny.seeded()
    task.backbone.requires_grad_(False)
    groups = parameter_groups(task, Plan())
    assert [group["scale"] for group in groups] == [1.0, 1.0]
    assert sum(len(group["params"]) for group in groups) == pytest.approx(2)


def test_hidden_matrices_are_filters_but_the_first_and_depthwise_ones(tiny: Any) -> None:
    backbone = tiny.seeded().backbone
    assert hidden_matrices(backbone) == {backbone.conv2[0].weight}
    backbone.conv2[0] = nn.Conv2d(4, 8, 3, groups=4)
    assert hidden_matrices(backbone) == set()
    task = tiny.seeded()
    made = Muon(rate=0.02, adamw_rate=1e-3).build(parameter_groups(task, Plan(optimizer=Muon(), stage_decay=0.5)))
    table = [(group["name"], group["scale"], group["orthogonal"]) for group in made.param_groups]
    assert table == [
        ("0 from the head, not decayed, AdamW", 0.05, False),
        ("0 from the head, decayed, AdamW", 0.05, False),
        ("1 from the head, not decayed, AdamW", 0.025, False),
        ("1 from the head, decayed, Muon", 0.5, True),
        ("2 from the head, not decayed, AdamW", 0.0125, False),
        ("2 from the head, decayed, AdamW", 0.0125, False),
    ]


@pytest.mark.parametrize(
    ("decays", "names"),
    [
        ("matrices", {"conv1.0.weight", "conv2.0.weight", "head.3.weight"}),
        ("all-but-norms", {"conv1.0.weight", "conv1.0.bias", "conv2.0.weight", "conv2.0.bias", "head.3.weight"}),
        ("all", None),
    ],
)
def test_what_weight_decay_reaches(tiny: Any, decays: Any, names: set[str] | None) -> None:
    task = tiny.seeded()
    everything = {name.removeprefix("backbone."): parameter for name, parameter in task.named_parameters()}
    wanted = set(everything) if names is None else names | ({"head.3.bias"} if decays != "matrices" else set())
    assert decayed(task, decays) == {everything[name] for name in wanted}
    groups = parameter_groups(task, Plan(decays=decays))
    held = [parameter for group in groups if group["weight_decay"] > 0 for parameter in group["params"]]
    assert {id(parameter) for parameter in held} == {id(everything[name]) for name in wanted}
    anchored = parameter_groups(task, Plan(decays=decays, anchor=Anchor()))
    assert all(group["weight_decay"] == 0 for group in anchored)
