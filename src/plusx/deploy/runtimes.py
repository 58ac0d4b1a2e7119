"""Opening an exported file in the runtime that it was made for: images in, outputs out."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import torch

from plusx.deploy.decoding import Rows
from plusx.deploy.export import Format
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.openvino_predictor import import_openvino
from plusx.deploy.predictor import Image

Runner: TypeAlias = Callable[[Image], Rows]
"""B, H, W, C uint8 → what `Task.decode` gives."""


def open_runner(path: Path, to: Format) -> Runner:
    """The file at `path`, which `export(..., to=to)` wrote, ready to run on the CPU in float32."""
    return _OPENERS[to](path)


def _open_onnx(path: Path) -> Runner:
    return OnnxPredictor(path).outputs


def _open_torch(path: Path) -> Runner:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)  # torch 2.11 warns of itself
        module = torch.export.load(path).module()

    def run(images: Image) -> Rows:
        with torch.inference_mode():
            return module(torch.from_numpy(images)).numpy()

    return run


def _open_openvino(path: Path) -> Runner:
    """OpenVINO would round to bfloat16 on processors that have it, and the preprocessing with it."""
    openvino = import_openvino("Export to OpenVINO")
    compiled = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: Image) -> Rows:
        return compiled(images)[0]

    return run


_OPENERS: Mapping[Format, Callable[[Path], Runner]] = {
    "onnx": _open_onnx,
    "torch": _open_torch,
    "openvino": _open_openvino,
}
