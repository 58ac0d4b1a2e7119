"""L2-SP: the penalty of the distance to where the weights started, for any loop. In plusx's own: `engine.anchor`.

Li, Grandvalet and Davoine 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks",
arXiv 1802.01483, equation 3: Ω(w) = α/2·‖w_S − w_S⁰‖² + β/2·‖w_N‖², w_S what was pretrained, w_N what is new.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor


def starting_point(pretrained: nn.Module) -> dict[str, Tensor]:
    """Copies of its weights as they are now, without biases and norms, which have no decay either."""
    return {name: weight.detach().clone() for name, weight in pretrained.named_parameters() if weight.ndim > 1}


def l2_sp(pretrained: nn.Module, new: nn.Module, start: Mapping[str, Tensor], config: Anchor) -> Tensor:
    """Ω, a scalar to be added to the loss; weight decay is then 0.

    pretrained: the backbone, with α = `config.backbone`. new: the head, with β = `config.head`. start: what
    `starting_point(pretrained)` was before the first step. InputError where it is another network's.
    """
    weights = {name: weight for name, weight in pretrained.named_parameters() if weight.ndim > 1}
    if weights.keys() != start.keys():
        odd = sorted(weights.keys() ^ start.keys())[0]
        raise InputError(
            f"l2_sp: {odd} is in one of the network and its starting point alone. Expected the same names."
        )
    if not weights:
        raise InputError("l2_sp: the pretrained module has no weights but biases and norms: nothing to be pulled back.")
    pulled = [(weight - start[name]).square().sum() for name, weight in weights.items()]
    small = [weight.square().sum() for weight in new.parameters() if weight.ndim > 1]
    zero = torch.zeros((), device=next(iter(start.values())).device)
    return config.backbone / 2 * sum(pulled, zero) + config.head / 2 * sum(small, zero)
