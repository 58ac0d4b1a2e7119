"""Layer-wise rate decay: the nearer to the input, the smaller the rate.

Howard and Ruder 2018 (ULMFiT), arXiv 1801.06146, section 3.2, discriminative fine-tuning: ηˡ⁻¹ = ηˡ · decay (theirs
1/2.6); as BEiT and MAE fine-tune vision networks. Early layers hold what all images have in common.
"""

from collections.abc import Sequence
from typing import Any

from torch import nn

from plusx.adapt.stages import stages_of
from plusx.engine.groups import distances

ULMFIT = 1 / 2.6
"""The factor of Howard and Ruder, section 3.2."""


def layer_decay(
    model: nn.Module,
    rate: float,
    decay: float = ULMFIT,
    *,
    weight_decay: float = 0.0,
    stages: Sequence[nn.Module] | None = None,
) -> list[dict[str, Any]]:
    """Parameter groups for any of torch's optimizers, from the head on: rate · decay ^ (distance from the head).

    The head, and what else is in no stage, has distance 0, the last stage 1. Weight decay reaches matrices and filters
    alone. Every parameter is in one group, also those that do not learn yet.

        optimizer = torch.optim.AdamW(layer_decay(model, 1e-3, 0.4))
    """
    far = distances(stages_of(model, stages))
    members: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        members.setdefault((far.get(parameter, 0), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": found, "lr": rate * decay**distance, "weight_decay": weight_decay if matrix else 0.0}
        for (distance, matrix), found in sorted(members.items(), key=lambda item: item[0])
    ]
