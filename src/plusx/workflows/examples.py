"""Best, worst and missed examples of a dense task for the report: a second pass over the few images that tell most."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.details import ImageScore
from plusx.core.errors import PlusxError
from plusx.core.masks import Mask
from plusx.core.prediction import BoxesPrediction, MaskPrediction
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Boxes
from plusx.core.task import Task
from plusx.data.images import read_image
from plusx.deploy.torch_predictor import TorchPredictor
from plusx.report.comparison import COLOURS, Judged, Verdict, compare_boxes, compare_masks, jpeg
from plusx.report.facts import Example, Gallery
from plusx.report.overlay import Lettering, colour_of
from plusx.report.scales import percent
from plusx.tasks.metrics.box_confusion import verdicts
from plusx.tasks.metrics.image_boxes import ImageBoxes
from plusx.workflows.pictures import BACKGROUND

MOST, BEST = 4, 2
"""Images of a gallery; of the best ones fewer, which teach less."""


@dataclass(frozen=True)
class Examples:
    """Galleries, what their colours mean (#rrggbb and words), and a sentence above them; fields of `Facts`."""

    galleries: tuple[Gallery, ...] = ()
    colours: tuple[tuple[str, str], ...] = ()
    examples_note: str = ""


def examples(task: Task, card: Card, scores: Sequence[ImageScore], listing: Listing, split: str) -> Examples:
    """scores: one for every image of `split`, in order. Nothing for tasks without scores."""
    samples, predictor = listing.splits[split], TorchPredictor(task, card)
    if len(scores) != len(samples):
        return Examples()
    chosen = chosen_images(scores, listing.kind)
    drawer = _boxes if listing.kind == "boxes" else _masks
    galleries = [
        Gallery(title, tuple(_example(samples[i], scores[i], predictor, drawer) for i in places))
        for title, places in chosen.items()
        if places
    ]
    if listing.kind == "boxes":
        return Examples(tuple(galleries), BOX_COLOURS, BOX_NOTE)
    quiet = _quiet(card.classes)
    colours = [(_hex(colour_of(i)), name) for i, name in enumerate(card.classes) if i not in quiet]
    return Examples(tuple(galleries), tuple(colours[:MOST_COLOURS]), MASK_NOTE)


MOST_COLOURS = 40
BOX_NOTE = (
    "At IoU 0.5 and a score of 0.25. A box in the right place of the wrong class counts twice: what is there is "
    "missed, what was said is wrong."
)
MASK_NOTE = "The true mask on the left or above, the predicted one on the right or below; void is left as it is."


def _hex(colour: Sequence[int]) -> str:
    return f"#{bytes(colour).hex()}"


_WORDS: dict[Verdict, str] = {
    "right": "found",
    "missed": "missed: there, and not found (dashed)",
    "wrong": "wrong: found, and not there",
}
BOX_COLOURS = tuple((_hex(COLOURS[verdict]), words) for verdict, words in _WORDS.items())


def chosen_images(scores: Sequence[ImageScore], kind: str) -> dict[str, list[int]]:
    """Title of a gallery → places in `scores`; every image once."""
    places = range(len(scores))
    shares = {i: score for i in places if (score := scores[i].score) is not None}
    best = sorted((i for i in shares if shares[i] > 0), key=lambda i: -shares[i])
    if kind != "boxes":
        worst = sorted((i for i in shares if shares[i] < 1), key=lambda i: shares[i])[:MOST]
        return {"Worst": worst, "Best": _first(best, BEST, worst)}
    missed = sorted((i for i in places if scores[i].missed), key=lambda i: -scores[i].missed)[:MOST]
    wrong = sorted((i for i in places if scores[i].wrong), key=lambda i: -scores[i].wrong)
    wrong = _first(wrong, MOST, missed)
    return {"Most missed": missed, "Most wrong": wrong, "Best": _first(best, BEST, [*missed, *wrong])}


def _first(places: Iterable[int], count: int, taken: Sequence[int]) -> list[int]:
    return [place for place in places if place not in taken][:count]


def _example(
    sample: Sample, score: ImageScore, predictor: TorchPredictor, drawer: Callable[..., tuple[Any, str]]
) -> Example:
    try:
        pixels = read_image(sample.image, predictor.mode)
        [prediction] = predictor.predict([pixels], [sample.name])
        shown = pixels.repeat(3, axis=2) if pixels.shape[2] == 1 else pixels
        assert sample.target is not None
        picture, words = drawer(shown, sample.target.load(), prediction, score)
    except PlusxError:  # read once already, and gone since
        return Example(None, sample.name, "")
    return Example(jpeg(picture), sample.name, words)


def _boxes(pixels: NDArray[np.uint8], target: Boxes, prediction: BoxesPrediction, score: ImageScore) -> tuple[Any, str]:
    index = {name: number for number, name in enumerate(prediction.classes)}
    found = prediction.boxes
    corners = np.array([(b.x1, b.y1, b.x2, b.y2) for b in found], np.float64).reshape(-1, 4)
    labels = np.array([index[b.label] for b in found], np.int64)
    scores = np.array([b.score for b in found], np.float64)
    true = target.corners.astype(np.float64)
    image = ImageBoxes(corners, scores, labels, true, target.labels, target.ignored, target.areas.astype(np.float64))
    told = verdicts(image)
    judged = [_judged(corners[i], labels[i], "right") for i in np.flatnonzero(told.right)]
    judged += [_judged(corners[i], labels[i], "wrong") for i in np.flatnonzero(told.wrong)]
    judged += [_judged(true[i], target.labels[i], "missed") for i in np.flatnonzero(told.missed)]
    asked = int((~target.ignored).sum())
    words = f"{score.missed} of {asked} missed, {score.wrong} wrong"
    return compare_boxes(pixels, judged, Lettering(prediction.classes)), words


def _judged(corners: NDArray[np.float64], label: Any, verdict: Verdict) -> Judged:
    x1, y1, x2, y2 = corners.tolist()
    return Judged((x1, y1, x2, y2), int(label), verdict)


def _masks(pixels: NDArray[np.uint8], target: Mask, prediction: MaskPrediction, score: ImageScore) -> tuple[Any, str]:
    assert score.score is not None
    picture = compare_masks(pixels, target.values, prediction.mask, _quiet(prediction.classes))
    return picture, f"mean IoU {percent(score.score)}"


def _quiet(classes: Sequence[str]) -> frozenset[int]:
    return frozenset(index for index, name in enumerate(classes) if name == BACKGROUND)
