"""Exported files in ONNX Runtime: needs onnxruntime, numpy and Pillow, and never loads torch."""

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from plusx.deploy.exported import ExportedPredictor, damaged, no_file
from plusx.deploy.metadata import INPUT, Metadata
from plusx.deploy.predictor import Image, usable_threads

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ERROR: Final = 3
"""ONNX Runtime's level of logging below which it stays silent."""


@final
class OnnxPredictor(ExportedPredictor):
    """On the CPU, in float32.

    threads: for one batch; none: OMP_NUM_THREADS, else as many as the process may use.
    InputError where the file is missing, damaged or was not exported by plusx.
    """

    def __init__(self, path: Path | str, *, threads: int | None = None) -> None:
        path = Path(path)
        self.session = open_session(path, threads)
        super().__init__(path, Metadata.from_texts(self.session.get_modelmeta().custom_metadata_map, path))

    def run(self, output: str, images: Image) -> NDArray[Any]:
        options = onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = True
        return np.asarray(self.session.run([output], {INPUT: images}, options)[0])


def open_session(path: Path, threads: int | None) -> "InferenceSession":
    """ONNX Runtime on `path`. Its threads sleep when idle, since others decode images meanwhile, and no memory is kept
    for the next image, whose size is another: a third less memory at the same speed.
    """
    if not path.is_file():
        raise no_file(path)
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or usable_threads()
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = ERROR
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(_as_runtime_opens(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has its own classes, derived from nothing narrower
        raise damaged(path, error) from error


def _as_runtime_opens(path: Path) -> str | bytes:
    """The path; the content where the runtime, which takes all paths for UTF-8, would not find the file."""
    try:
        found = sys.platform == "win32" or os.fsencode(path) == str(path).encode()
    except UnicodeEncodeError:
        found = False
    return str(path) if found else path.read_bytes()


def onnxruntime() -> ModuleType:
    """The library, loaded on first use and told to keep its reports at home (it sends some on Windows)."""
    import onnxruntime as runtime

    runtime.disable_telemetry_events()
    return runtime
