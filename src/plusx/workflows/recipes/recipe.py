"""Recipe: a set of published settings under one name, as one frozen value."""

from collections.abc import Callable
from dataclasses import dataclass, field

from plusx.core.registry import Registry
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn
from plusx.data.mosaic import MixConfig
from plusx.data.transforms import TransformConfig
from plusx.engine.plan import Plan


@dataclass(frozen=True)
class Facts:
    """What a recipe may depend on. `images`: of the training split. `size`: of the backbone's usual input, pixels.
    `head`: the one asked for; None: the task's usual."""

    images: int
    kind: Kind
    classes: int
    size: int
    head: str | None = None


@dataclass(frozen=True)
class Recipe:
    """All that decides a run but the data and the network. `image_size` None: that of the weights, or the network's."""

    plan: Plan
    batch_size: int
    transform: TransformConfig
    augment: BatchAugment = field(default_factory=InTurn)
    mix: MixConfig | None = None
    label_smoothing: float = 0.0
    dropout: float = 0.0
    image_size: int | None = None


RECIPES: Registry[Callable[[Facts], Recipe]] = Registry("recipe")
