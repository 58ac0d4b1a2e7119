"""What an exported file says about itself, enough to run it with nothing else. Needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.deploy.decoding import decoding_of

INPUT: Final = "images"
"""The graph's input: B, H, W, C uint8, RGB or one grey channel, any size; B images of one size."""

_KEYS: Final = ("plusx.version", "plusx.card", "plusx.task")
_OUTPUTS: Final = "plusx.outputs"


@dataclass(frozen=True)
class Metadata:
    """`task` is the name, `config` what `Task.config` gave, `version` that of the plusx which wrote the file.

    `scores`: whether the graph has a second output with what the first was decided by.
    """

    card: Card
    task: str
    config: Mapping[str, Any]
    version: str
    scores: bool = False

    def to_texts(self) -> dict[str, str]:
        """As the file keeps it; the class names stand apart as well, for readers that do not know plusx."""
        task = {"name": self.task, "config": dict(self.config)}
        values = {"plusx.card": self.card.to_json(), "plusx.task": task, "plusx.classes": list(self.names)}
        values[_OUTPUTS] = list(self.outputs)
        texts = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
        return {"plusx.version": self.version, **texts}

    @staticmethod
    def from_texts(texts: Mapping[str, str], origin: object) -> "Metadata":
        """The metadata of the file `origin`; InputError where it was not exported by plusx, or is damaged."""
        missing = [key for key in _KEYS if key not in texts]
        if missing:
            raise InputError(
                f"{origin} was not exported by plusx: it lacks {', '.join(missing)} in its metadata. "
                "Give a file made by `plusx export` or `plusx fit`."
            )
        try:
            task = json.loads(texts["plusx.task"])
            card = Card.from_json(json.loads(texts["plusx.card"]))
            outputs = json.loads(texts.get(_OUTPUTS, "[]"))  # files of before do not say it: they have one
            metadata = Metadata(
                card, str(task["name"]), dict(task["config"]), texts["plusx.version"], scores=len(outputs) > 1
            )
            _ = metadata.names  # whatever is missing is said here
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InputError(
                f"The metadata of {origin} are damaged ({type(error).__name__}: {error}). Export the model again."
            ) from error
        return metadata

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of the output stand for: classes, or the names of values."""
        return decoding_of(self.task).names(self.config)

    @property
    def output(self) -> str:
        """The graph's output: "probabilities", "values", "boxes", "mask" or "masks"."""
        return decoding_of(self.task).output

    @property
    def outputs(self) -> tuple[str, ...]:
        """All of them: `output`, and "scores" where the graph gives those as well."""
        scores = decoding_of(self.task).scores
        return (self.output, scores) if self.scores and scores else (self.output,)
