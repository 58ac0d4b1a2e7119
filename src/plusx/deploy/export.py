"""Writing a finished model as one file to deploy: preprocessing, network and decoding in a single graph."""

import io
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch.export import Dim, ExportedProgram

from plusx.core.card import Card
from plusx.core.errors import InputError, unknown
from plusx.core.storage import replacing
from plusx.core.task import Task
from plusx.deploy.decoding import decoding_of
from plusx.deploy.files import OPENVINO_WEIGHTS, SUFFIXES
from plusx.deploy.graph import Scored, deployed_copy
from plusx.deploy.metadata import INPUT, Metadata
from plusx.deploy.openvino_predictor import import_openvino

Format: TypeAlias = Literal["onnx", "torch", "openvino"]

OPSET = 18
"""The operators' version that torch's exporter writes natively; ONNX Runtime reads it since 1.14."""

AXES = ("batch", "height", "width")
EXAMPLE = (2, 61, 47)  # any sizes above 1 that differ


def export(task: Task, card: Card, path: Path, *, to: Format = "onnx") -> None:
    """Write `task` with the preprocessing of `card` to `path`, all or nothing; `task` stays as it is.

    to: "onnx" (.onnx, one file), "torch" (.pt2, for `torch.export.load`), "openvino" (.xml with its .bin beside it).
    Batch, height and width are dynamic. InputError for a name that does not end as the format's does, StorageError
    when the disk refuses, MissingExtraError without openvino. `agreement.export_agreeing` proves the file as well.
    """
    if to not in SUFFIXES:
        raise unknown("export format", to, SUFFIXES)
    if path.suffix != SUFFIXES[to]:
        raise InputError(
            f"{path} ends in {path.suffix or 'nothing'!r}; a file for {to} must end in {SUFFIXES[to]!r}. "
            f"Give {path.with_suffix(SUFFIXES[to])} or another format."
        )
    scores = to == "onnx" and decoding_of(task.name).scores is not None
    metadata = Metadata(card, task.name, task.config(), version("plusx"), scores)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*treespec, LeafSpec", FutureWarning)  # torch 2.11 warns of itself
        warnings.filterwarnings("ignore", "`create_unbacked_symint` is deprecated", FutureWarning)  # torchvision's nms
        _WRITERS[to](_traced(task, card, scores), metadata, path)


def _traced(task: Task, card: Card, scores: bool) -> ExportedProgram:
    """The whole graph in torch's own form, without the paths of source files that torch notes in it."""
    example = torch.zeros(*EXAMPLE, card.input.channels, dtype=torch.uint8)
    sizes = {axis: Dim(name) for axis, name in enumerate(AXES)}
    deployed = deployed_copy(task, card.input)
    module = Scored(deployed).eval() if scores else deployed
    program = torch.export.export(module, (example,), dynamic_shapes={INPUT: sizes})
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def _onnx(program: ExportedProgram, metadata: Metadata) -> bytes:
    """The checked ONNX file, weights and metadata inside."""
    import onnx

    exported = torch.onnx.export(
        program, input_names=[INPUT], output_names=[*metadata.outputs], opset_version=OPSET, verbose=False
    )
    assert exported is not None
    model = exported.model
    model.metadata_props.clear()
    model.metadata_props.update(metadata.to_texts())
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    proto = exported.model_proto
    for value in (*proto.graph.input, *proto.graph.output):
        sizes = value.type.tensor_type.shape.dim
        names = ("batch", "classes", "height", "width") if value.name in ("masks", "scores") else AXES
        for axis, name in zip(sizes, names, strict=False):
            if not axis.HasField("dim_value"):
                axis.dim_param = name
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def _write_onnx(program: ExportedProgram, metadata: Metadata, path: Path) -> None:
    content = _onnx(program, metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _write_torch(program: ExportedProgram, metadata: Metadata, path: Path) -> None:
    content = io.BytesIO()
    torch.export.save(program, content, extra_files=metadata.to_texts())
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _write_openvino(program: ExportedProgram, metadata: Metadata, path: Path) -> None:
    """Weights stay in float32: half precision would cost part of the agreement."""
    openvino = import_openvino("Export to OpenVINO")
    model = openvino.convert_model(io.BytesIO(_onnx(program, metadata)))
    for key, text in metadata.to_texts().items():
        model.set_rt_info(text, [*key.split(".")])
    with tempfile.TemporaryDirectory(prefix="plusx-") as directory:
        made = Path(directory) / path.name
        openvino.save_model(model, made, compress_to_fp16=False)
        for file in (path.with_suffix(OPENVINO_WEIGHTS), path):
            with replacing(file) as temporary:
                temporary.write_bytes(made.with_suffix(file.suffix).read_bytes())


_WRITERS: Mapping[str, Callable[[ExportedProgram, Metadata, Path], None]] = {
    "onnx": _write_onnx,
    "torch": _write_torch,
    "openvino": _write_openvino,
}
