from typing import Any

import pytest
import torch
from timm.optim.lookahead import Lookahead as TimmLookahead
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.engine.optimizers.lookahead import Lookahead
from plusx.engine.optimizers.sgd import SGD


def trained(timm: bool) -> list[Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    inner = SGD(rate=0.1).build([{"params": [*model.parameters()], "lr": 0.1}])
    optimizer: Any = TimmLookahead(inner, alpha=0.3, k=4) if timm else Lookahead(k=4, alpha=0.3).wrap(inner)
    for step in range(200):
        images = torch.randn(6, 4, dtype=torch.float64)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), images.argmax(1) % 3).backward()
        if timm and step == 0:
            optimizer.sync_lookahead()  # else its slow weights begin at the first step back, and not at the start
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def test_200_steps_follow_timm() -> None:
    for own, wanted in zip(trained(timm=False), trained(timm=True), strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-6, atol=1e-6)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"Lookahead.k is 0; it has to be at least 1"):
        Lookahead(k=0)
    with pytest.raises(InputError, match=r"Lookahead.alpha is 0; it has to be above 0 and at most 1"):
        Lookahead(alpha=0)
