"""load: a finished model in Python."""

import os
from typing import Any

from plusx.core.card import Card
from plusx.core.errors import DataError
from plusx.deploy.predictor import Predictor
from plusx.deploy.tiling import Tile
from plusx.workflows.predict import Tta, open_predictor, predict
from plusx.workflows.settings import Runtime
from plusx.workflows.sources import Images, Unreadable


class Model:
    """A model that is ready to predict, kept open between calls."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def __repr__(self) -> str:
        """Architecture, task, number of classes, height and width of the input in pixels."""
        card, task = self.card, self.predictor.task_name
        height, width = card.input.size
        names = "values" if task == "regress" else "classes"
        return f"Model({card.architecture}, {task}, {names}: {len(card.classes)}, input: {height}×{width})"

    @property
    def card(self) -> Card:
        """Classes, input, metrics, licence."""
        return self.predictor.card

    def predict(
        self,
        images: Images,
        *,
        batch_size: int = 32,
        threshold: float | None = None,
        tile: Tile = "auto",
        overlap: float = 0.25,
        tta: Tta = "none",
    ) -> list[Any]:
        """One prediction an image, in their order: `.label` and `.probability`, `.labels`, or `.values` by name.

        images: a path, folder, pattern, array, PIL image, or a list of these. DataError names all images that could
        not be read; `plusx.predict` goes on instead. threshold, tile, overlap, tta: as there.
        """
        asked: dict[str, Any] = {"threshold": threshold, "tile": tile, "overlap": overlap, "tta": tta}
        results = list(predict(self.predictor, images, batch_size=batch_size, **asked))
        unreadable = [f"{one.name}: {one.reason}" for one in results if isinstance(one, Unreadable)]
        if unreadable:
            raise DataError(f"{len(unreadable)} of {len(results)} images could not be read:\n" + "\n".join(unreadable))
        return results


def load(path: str | os.PathLike[str], *, runtime: Runtime = "auto") -> Model:
    """The model of a run, of its directory, of a model.onnx or of a model.safetensors.

    runtime: of a run directory, "auto" takes the exported file where there is one, "torch" the model file; "openvino"
    runs the exported file there, "openvino-bf16" in half precision.
    """
    return Model(open_predictor(path, runtime=runtime))
