"""What a score is made of: the tables and points behind the metrics, for reports. Plain numbers; needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class against the rest. Shares are 0..1; None where nothing defines the value, e.g. the recall of a class
    that has no image.
    """

    name: str
    support: int  # images that have this class; in detection its boxes
    precision: float | None
    recall: float | None
    f1: float | None
    ranking: Mapping[str, float] = field(default_factory=dict)  # e.g. {"IoU": 0.7}; undefined ones left out
    score: float | None = None  # from which on an answer counts, for precision, recall and f1; None: there is no such


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[i][j]`: images of class i that were taken for class j; boxes or pixels where those have classes."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    unit: Literal["images", "boxes", "pixels"] = "images"


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Images whose confidence fell into (lower, upper]: how many, their mean confidence, how many were right (0..1)."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """True and predicted values of one column, in the user's unit, one pair an image."""

    column: str
    true: tuple[float, ...]
    predicted: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision over recall of one class, both 0..1, by growing recall."""

    name: str
    recall: tuple[float, ...]
    precision: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ImageScore:
    """How well one image was answered, 0..1, None where nothing defines it. `missed`, `wrong`: objects that were not
    found, and such that are not there.
    """

    score: float | None
    missed: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """Whatever a task's metrics know beyond single numbers; empty where they know nothing.

    images: of tasks whose answers are too many to be kept, in the order in which they were counted. undefined: metrics
    that have no value here, and `why`. basis: what precision, recall and f1 of the classes are counted at; "" where
    that goes without saying.
    """

    classes: tuple[ClassScore, ...] = ()
    confusion: Confusion | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    pairs: tuple[Pairs, ...] = ()
    curves: tuple[Curve, ...] = ()
    images: tuple[ImageScore, ...] = ()
    undefined: tuple[str, ...] = ()
    why: str = ""
    basis: str = ""

    @property
    def supports(self) -> str:
        """What `support` of the classes counts."""
        return "boxes" if self.confusion is not None and self.confusion.unit == "boxes" else "images"
