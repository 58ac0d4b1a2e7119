"""Recipe: a set of published settings under one name, as one frozen value."""

from collections.abc import Callable
from dataclasses import dataclass, field

from plusx.core.registry import Registry
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn
from plusx.data.augment.pixels.pixel_augment import PixelAugment
from plusx.data.augment.progressive import Progressive
from plusx.data.mosaic import MixConfig
from plusx.data.transforms import TransformConfig
from plusx.engine.plan import Plan
from plusx.nn.losses.loss import Loss

LEAST_STEPS = 8
"""Steps of an epoch that a recipe's batch leaves at least, so that few images still make many steps. Ours."""

SMALLEST_BATCH = 8
"""Images that a recipe's batch has at least, however few there are. Ours."""


@dataclass(frozen=True)
class Facts:
    """What a recipe may depend on. `images`: of the training split. `size`: of the backbone's usual input, pixels.
    `head`: the one asked for; None: the task's usual. `side`: pixels of a side of the images themselves, None where
    they were not looked at. `sharded`: whether every process holds a part of each matrix. `batch`, `shown` (pixels of a
    side of the input), `epochs`: those that the user asks for.
    """

    images: int
    kind: Kind
    classes: int
    size: int
    head: str | None = None
    pretrained: bool = False
    side: int | None = None
    sharded: bool = False
    batch: int | None = None
    shown: int | None = None
    epochs: int | None = None

    def batch_for(self, published: int, least_steps: int = LEAST_STEPS) -> int:
        """Images of a step: those asked for; else `published`, or the largest power of two that still leaves an epoch
        `least_steps` steps."""
        if self.batch is not None:
            return self.batch
        filled = 1 << max(0, (self.images // least_steps).bit_length() - 1)
        return min(published, max(SMALLEST_BATCH, filled))


@dataclass(frozen=True)
class Recipe:
    """All that decides a run but the data and the network. `image_size` None: that of the weights, or the network's.

    `loss`: of classes; None: the task's usual one with `label_smoothing`, which another loss has as its own setting.
    """

    plan: Plan
    batch_size: int
    transform: TransformConfig
    pixels: tuple[PixelAugment, ...] = ()  # before normalisation, one after the other; `augment` comes after it
    augment: BatchAugment = field(default_factory=InTurn)
    mix: MixConfig | None = None
    repeats: int = 1  # times that an image comes in an epoch, one after the other, cut anew each time
    loss: Loss | None = None
    label_smoothing: float = 0.0
    dropout: float = 0.0
    drop_path: float = 0.0  # stochastic depth: share of branches left out in the last unit
    drop_block: float = 0.0  # share of points left out in the last two stages
    blur_pool: bool = False  # maps are blurred before they are halved: another network; for random weights alone
    image_size: int | None = None
    test_size: int | None = None  # of the finished model's input; None: as in training
    progressive: Progressive | None = None


RECIPES: Registry[Callable[[Facts], Recipe]] = Registry("recipe")
