"""Exported files in OpenVINO; in half precision, where that is asked for and the processor has it, several times as
fast."""

from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import InputError, MissingExtraError
from plusx.deploy.exported import ExportedPredictor, damaged, no_file
from plusx.deploy.metadata import INPUT, Metadata
from plusx.deploy.predictor import Image, usable_threads

Precision = Literal["fp32", "bf16"]

PROVEN: Final = ("classify", "multilabel")
"""Tasks that are run there. Values and places lose their digits: OpenVINO takes float64 for float32."""

_HINTS: Final = {"fp32": "f32", "bf16": "bf16"}


@final
class OpenVinoPredictor(ExportedPredictor):
    """A file `model.onnx` on the CPU.

    precision: "bf16" computes in bfloat16, which the processor has to have. Answers are then not quite those that were
    compared with the trained model.
    InputError where the file is missing, damaged, was not exported by plusx or is of another task than classes, and
    where there is no bfloat16.
    """

    def __init__(self, path: Path | str, *, precision: Precision = "fp32", threads: int | None = None) -> None:
        path = Path(path)
        if not path.is_file():
            raise no_file(path)
        self._library = import_openvino("--runtime openvino")
        self._core = self._library.Core()
        if precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise InputError("runtime openvino-bf16: this processor computes no bfloat16. Take openvino.")
        self._options = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": threads or usable_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            self._graph = self._core.read_model(path)
        except RuntimeError as error:
            raise damaged(path, _reason(error)) from error
        texts = dict(self._graph.get_rt_info().items()).get("framework", {})
        super().__init__(path, Metadata.from_texts({key: _text(value) for key, value in texts.items()}, path))
        if self.task_name not in PROVEN:
            raise InputError(
                f"runtime openvino is for {' and '.join(PROVEN)}; the task of {path} is {self.task_name}, whose "
                "numbers would lose digits there. Take onnx."
            )
        self._compiled: dict[str, Any] = {}

    def run(self, output: str, images: Image) -> NDArray[Any]:
        if output not in self._compiled:
            result = self._graph.output(output).get_node()
            part = self._library.Model([result], self._graph.get_parameters())
            self._compiled[output] = self._core.compile_model(part, "CPU", self._options)
        return np.array(self._compiled[output]({INPUT: images})[0])  # its own: the runtime writes into it again


def import_openvino(what: str) -> ModuleType:
    """The library, for `what`; MissingExtraError without it."""
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("openvino", "openvino", what) from None
    return openvino


def _reason(error: Exception) -> str:
    """Without the places in OpenVINO's source."""
    return "; ".join(line for line in str(error).splitlines() if line and not line.startswith("Exception from "))


def _text(value: Any) -> str:
    return str(value.astype(str))
