"""The files that exporting writes: what can be exported to, and how their names end."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType({"onnx": ".onnx", "torch": ".pt2", "openvino": ".xml"})
"""Of the file that is opened."""

OPENVINO_WEIGHTS: Final = ".bin"
"""Stands beside OpenVINO's `.xml`."""

WRITTEN: Final = (*SUFFIXES.values(), OPENVINO_WEIGHTS)
"""Of all files that any export may write."""
