"""Test-time augmentation: an image is shown several times, and the answers are averaged.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1: the mean of the
softmax over mirrored views. Averaged are probabilities, or values, and not logits.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from plusx.core.errors import InputError


def mirrored(images: Tensor) -> Tensor:
    """Left to right. images: B, C, H, W."""
    return images.flip(-1)


def averaged(model: Callable[[Tensor], Tensor], images: Tensor, decode: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of `decode(model(view))` over `images` (B, C, H, W) and their mirror images.

    decode: from outputs to what is averaged, such as `lambda logits: logits.softmax(1)`.
    """
    return torch.stack([decode(model(view)) for view in (images, mirrored(images))]).mean(0)


def _softmax(views: Tensor) -> Tensor:
    """log of the mean probability: its softmax is that mean."""
    return views.log_softmax(2).logsumexp(0) - torch.tensor(float(len(views)), dtype=views.dtype).log()


def _sigmoid(views: Tensor) -> Tensor:
    """logit of the mean probability, log p − log (1 − p), which stays exact where p is near 0 or 1."""
    yes, no = torch.nn.functional.logsigmoid(views), torch.nn.functional.logsigmoid(-views)
    return yes.logsumexp(0) - no.logsumexp(0)


def _values(views: Tensor) -> Tensor:
    return views.mean(0)


_OF_TASK: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "classify": _softmax,
    "multilabel": _sigmoid,
    "regress": _values,
}


def outputs_of_views(task: str, views: Sequence[Tensor]) -> Tensor:
    """Outputs (B, K), as a task's `forward` gives them, whose decoding is the mean of the decodings of `views`.

    task: classify, multilabel or regress. InputError for one whose answers have places in the image.
    """
    if task not in _OF_TASK:
        raise InputError(f"Views are averaged for {', '.join(_OF_TASK)}; answers of {task} have places in the image.")
    return _OF_TASK[task](torch.stack([*views]).double()).to(views[0].dtype)
