"""Losses of masks, each a scalar in 32 bits whatever the precision of the network.

All take logits (B, K, h, w) and masks, uint8 on the same grid, either (B, h, w): the one class of every pixel, p =
softmax(logits); or (B, K, h, w): 1 where a pixel has the class, else 0, p = sigmoid(logits). Where a mask is 255
nothing counts, neither in the value nor in the gradient, and where nothing counts at all both are 0. "Pixels" below are
those that count; of masks (B, K, h, w) the pairs of pixel and class. `class_weights` w: (K,), positive; they multiply
what a pixel contributes, and the sum is divided by the number of pixels, not by that of the weights, so that a batch
cut into equal parts gives the gradient of the whole.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.nn.losses.focal import focused

VOID: Final = 255
"""In a mask: not to be counted."""


class PixelLoss(Protocol):
    """A mean over pixels."""

    def __call__(self, logits: Tensor, masks: Tensor, class_weights: Tensor | None = None) -> Tensor: ...


class AreaLoss(Protocol):
    """A mean over classes."""

    def __call__(self, logits: Tensor, masks: Tensor) -> Tensor: ...


def cross_entropy(logits: Tensor, masks: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """−w log p of what the mask says, averaged over the pixels."""
    losses, counted = _surprise(logits, masks)
    return _mean(_weighted(losses, masks, class_weights), counted)


def focal(logits: Tensor, masks: Tensor, class_weights: Tensor | None = None, gamma: float = 2.0) -> Tensor:
    """−w (1 − p)^γ log p of what the mask says, averaged over the pixels: what is learned hardly counts any more.

    Lin et al., Focal Loss for Dense Object Detection, 2017, arXiv 1708.02002, eq. 4 and 5. `gamma` γ: 1 or more.
    """
    losses, counted = _surprise(logits, masks)
    return _mean(_weighted(focused(losses, gamma), masks, class_weights), counted)


def hardest_cross_entropy(
    logits: Tensor, masks: Tensor, class_weights: Tensor | None = None, known: float = 0.7, share: float = 1 / 16
) -> Tensor:
    """`cross_entropy` over the pixels whose p is below `known`, and over the hardest `share` of all where those are
    fewer: online hard example mining.

    Shrivastava et al. 2016, arXiv 1604.03540; for pixels Wu et al., High-performance Semantic Segmentation Using Very
    Deep Fully Convolutional Networks, 2016, arXiv 1604.04339, section 2.2. Which pixels are hard is decided without
    weights. The defaults are no paper's.
    """
    losses, counted = _surprise(logits, masks)
    least = math.ceil(share * int(counted.sum()))
    if least == 0:
        return _mean(losses, counted)
    hardness = losses.detach().where(counted, -1.0).flatten()
    bar = hardness.topk(least).values[-1].clamp(max=-math.log(known))
    hard = counted & (losses.detach() >= bar)
    return _mean(_weighted(losses, masks, class_weights), hard)


def dice(logits: Tensor, masks: Tensor) -> Tensor:
    """1 − 2 Σ p t / (Σ p + Σ t), summed over the pixels of the batch, averaged over the classes that occur in it.

    t: 1 where the mask says the class. The F1 score of the areas with probabilities in place of decisions; Milletari et
    al., V-Net, 2016, arXiv 1606.04797, section 3, has squares in the denominator.
    """
    p, t, counted = _maps(logits, masks)
    p, t = p * counted, t * counted
    occurring = t.sum(dim=(0, 2, 3))
    overlap = (p * t).sum(dim=(0, 2, 3))
    losses = 1 - 2 * overlap / (p.sum(dim=(0, 2, 3)) + occurring).clamp(min=1)
    return _mean(losses, occurring > 0)


def lovasz(logits: Tensor, masks: Tensor) -> Tensor:
    """The Lovász extension of 1 − Jaccard index in the errors |t − p|, averaged over the classes that occur in the
    batch: Lovász-softmax.

    Berman, Rannen Triki, Blaschko: The Lovász-Softmax loss, 2018, arXiv 1705.08790, eq. 8, 9 and 11; Algorithm 1.
    """
    p, t, counted = _maps(logits, masks)
    found = [_lovasz_of_class(p[:, k], t[:, k], counted[:, k % counted.shape[1]]) for k in range(p.shape[1])]
    losses, occurring = torch.stack([loss for loss, _ in found]), torch.stack([there for _, there in found])
    return _mean(losses, occurring)


OF_PIXELS: Final[Mapping[str, PixelLoss]] = MappingProxyType(
    {"cross-entropy": cross_entropy, "focal": focal, "ohem-cross-entropy": hardest_cross_entropy}
)
"""Means over pixels: weights of classes have an effect."""

OF_AREAS: Final[Mapping[str, AreaLoss]] = MappingProxyType({"dice": dice, "lovasz": lovasz})
"""Of what all pixels of a class have in common with the mask: every class weighs the same already."""


def _surprise(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """−log p of what the mask says, of no meaning where it is void, and where it is not; both in the masks' shape."""
    counted = masks != VOID
    if masks.ndim == 3:
        return F.cross_entropy(logits.float(), masks.long(), ignore_index=VOID, reduction="none"), counted
    return F.binary_cross_entropy_with_logits(logits.float(), (masks == 1).float(), reduction="none"), counted


def _maps(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """p and t, (B, K, h, w), and what counts, (B, K or 1, h, w) bool."""
    if masks.ndim == 4:
        return logits.float().sigmoid(), masks == 1, masks != VOID
    classes = torch.arange(logits.shape[1], device=masks.device)[:, None, None]
    return logits.float().softmax(dim=1), masks[:, None] == classes, (masks != VOID)[:, None]


def _weighted(losses: Tensor, masks: Tensor, class_weights: Tensor | None) -> Tensor:
    if class_weights is None:
        return losses
    if masks.ndim == 4:
        return losses * class_weights[:, None, None]
    return losses * class_weights[masks.where(masks != VOID, 0).long()]


def _mean(losses: Tensor, counted: Tensor) -> Tensor:
    """Of those that count; 0, with gradient 0, where none does."""
    return losses.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def _lovasz_of_class(p: Tensor, t: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of one class, and whether it occurs. p, t, counted: B, h, w.

    Sorted by error, the i-th weighs how much the Jaccard loss grows when it becomes wrong after all larger ones.
    """
    p, t = p[counted], t[counted].float()
    errors, order = (t - p).abs().sort(descending=True)
    t = t[order]
    area, right = t.sum(), t.cumsum(0)
    jaccard = 1 - (area - right) / (area + (1 - t).cumsum(0)).clamp(min=1)
    growth = torch.diff(jaccard, prepend=jaccard.new_zeros(1))
    return (errors * growth).sum(), area > 0
