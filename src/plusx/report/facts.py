"""What a report tells: plain values gathered by the verbs. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plusx.core.details import Details


@dataclass(frozen=True)
class Mistake:
    """One image that the model got wrong, worst first in the report.

    jpeg: a thumbnail, some 200 pixels on its long side; None if the image could not be read again. true, predicted:
    in the user's words, with unit where there is one. probability: of what was predicted, 0..1; None for values.
    """

    jpeg: bytes | None
    name: str
    true: str
    predicted: str
    probability: float | None = None


@dataclass(frozen=True)
class Example:
    """One image with what was found in it and what is there, drawn; `words` say how well that agrees."""

    jpeg: bytes | None
    name: str
    words: str


@dataclass(frozen=True)
class Gallery:
    """Examples of one kind, in order, below their `title`."""

    title: str
    examples: Sequence[Example]


@dataclass(frozen=True)
class Snippet:
    """A piece of code that works on this run as it stands: `where` is "shell" or "Python"."""

    where: str
    code: str


@dataclass(frozen=True)
class Facts:
    """Everything on the page. Fields left at their default leave their section out.

    title: the run's name. trained: one line, what was trained on what, e.g. "resnet18.a1_in1k, fine-tuned to 10
    classes of clothing". created: date and time as text. primary: the key of `metrics` that goes into the verdict.
    scored_on: e.g. "168 validation images".
    history: one mapping an epoch, in order. "epoch" counts from 1; losses are "loss" (the sum) and "loss/PART";
    "learning_rate", "images_per_second" and "seconds" are taken by these names; every other number is a validation
    metric.
    steps: of some steps, in order: "step", "loss", "rate", "momentum" and what `StageNorms.values` has. class_curves:
    score → class → epoch → value. training_metrics, trained_on: as `metrics`, of training images as they are. advice:
    one sentence, where something is clear.
    agreement: how the exported file was compared and with what result, one sentence. disagreement: the same where it
    was not kept.
    test_metrics, tested_on: of images by which nothing was chosen, apart from all the rest of the page.
    audit_page: the file beside the report that shows the audit with pictures; "" where there is none.
    findings: of the data audit, with "code", "severity" ("error", "warning", "note"), "image", "split", "message",
    "advice"; None where no audit was made, empty where nothing was found.
    card: `Card.to_json()` of what was started from or came out. settings: those that were given; plan: what they and
    the recipe came to; environment. All three any JSON values.
    """

    title: str
    trained: str
    created: str
    command: str
    primary: str
    metrics: Mapping[str, float]
    higher_is_better: bool = True
    scored_on: str = ""
    best_epoch: int | None = None
    history: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, float]] = ()
    class_curves: Mapping[str, Mapping[str, Mapping[int, float]]] = field(default_factory=dict)
    training_metrics: Mapping[str, float] = field(default_factory=dict)
    trained_on: str = ""
    advice: str = ""
    details: Details = field(default_factory=Details)
    mistakes: Sequence[Mistake] = ()
    galleries: Sequence[Gallery] = ()
    colours: Sequence[tuple[str, str]] = ()  # of the examples: #rrggbb and what it stands for
    examples_note: str = ""
    findings: Sequence[Mapping[str, Any]] | None = None
    audited_files: int | None = None
    audit_page: str = ""
    agreement: str | None = None
    disagreement: str | None = None
    test_metrics: Mapping[str, float] = field(default_factory=dict)
    tested_on: str = ""
    usage: Sequence[Snippet] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    happened: Sequence[tuple[str, str]] = ()  # on the way: where in the run, and what
    notes: Sequence[str] = ()  # what the user should know, shown below the verdict
