"""Weights from strangers: nothing is executed, and nothing is allocated because a number in the file says so."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import WeightsError
from plusx.tasks import create as tasks
from plusx.weights.modelfile import load_model, save_model
from plusx.weights.reading import read_checkpoint

MOST = 300  # MiB beyond what the process had before
CODE = """
import resource, sys
from pathlib import Path
from plusx.core.errors import WeightsError
from plusx.engine import checkpoint
from plusx.weights.modelfile import load_model
from plusx.weights.reading import read_checkpoint

resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
readers = {".safetensors": load_model, ".pth": read_checkpoint, ".pt": checkpoint.read}
for path in map(Path, sys.argv[1:]):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        readers[path.suffix](path)
        said = "loaded"
    except WeightsError as error:
        said = "refused" if str(path) in str(error) else str(error)
    except Exception as error:
        said = repr(error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    print(path.name, said.replace(chr(10), " ")[:300], grown, sep="|")
"""


def _told(paths: list[Path]) -> dict[str, tuple[str, int]]:
    """File → what became of it, and MiB of memory it took."""
    found = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.returncode == 0, found.stderr
    lines = (line.split("|") for line in found.stdout.splitlines())
    return {name: (said, int(grown)) for name, said, grown in lines}


class Forge:
    """Model files of a small network with other words in their header."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        task = tasks.create("classify", build("resnet20"), {"classes": ["a", "b"]})
        save_model(folder / "honest.safetensors", task, Card("x", "resnet20", classes=("a", "b")))
        self.tensors = load_file(folder / "honest.safetensors")
        with safe_open(folder / "honest.safetensors", "pt") as file:
            self.metadata = file.metadata()

    def file(self, name: str, card: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> Path:
        texts = dict(self.metadata)
        texts["plusx.card"] = json.dumps({**json.loads(texts["plusx.card"]), **(card or {})})
        task = json.loads(texts["plusx.task"])
        texts["plusx.task"] = json.dumps({**task, "config": {**task["config"], **(config or {})}})
        save_file(self.tensors, self.folder / f"{name}.safetensors", texts)
        return self.folder / f"{name}.safetensors"

    def raw(self, name: str, header: Any, body: bytes = b"", length: int | None = None) -> Path:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        path = self.folder / f"{name}.safetensors"
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)
        return path


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path)


def _entry(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux has it")
def test_model_files_that_promise_too_much_are_refused(forge: Forge) -> None:
    size = {"size": [10**6, 10**6], "resize": 10**6}
    wide = {"architecture": "mobilenet_v2", "build": {"width": 1e9}}
    honest = json.loads(forge.metadata["plusx.card"])["input"]
    files = [
        forge.file("wide", {"architecture": "resnet18", "build": {"width": 10**9}}),
        forge.file("wide, but not absurd", {"architecture": "resnet18", "build": {"width": 16_000}}),
        forge.file("deep", {"architecture": "resnet18", "build": {"depths": [10**9, 2, 2, 2]}}),
        forge.file("often", {"build": {"n": 10**9}}),
        forge.file("wide by a factor", wide),
        forge.file("wide by no number", {**wide, "build": {"width": float("nan")}}),
        forge.file("growing", {"architecture": "densenet121", "build": {"k": 10**7}}),
        forge.file("another name", {"build": {"name": "resnet50"}}),
        forge.file("a path", {"architecture": "../../../etc/passwd"}),
        forge.file("no text", {"architecture": ["resnet18"]}),
        forge.file("large input", {"input": {**honest, **size}}),
        forge.file("no deviation", {"input": {**honest, "std": [float("nan")] * 3}}),
        forge.file("many classes", config={"classes": [str(number) for number in range(200_000)]}),
        forge.raw("long header", b"{}", length=2**63),
        forge.raw("terabytes", _entry(shape=[10**12]), bytes(4)),
        forge.raw("less than nothing", _entry(shape=[-1]), bytes(4)),
        forge.raw("before its start", _entry(data_offsets=[-4, 4]), bytes(4)),
        forge.raw("over each other", {**_entry(), "b": _entry()["a"]}, bytes(4)),
        forge.raw("deep JSON", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ]
    told = _told([*files, forge.folder / "honest.safetensors"])
    assert told.pop("honest.safetensors")[0] == "loaded"
    assert len(told) == len(files)
    for name, (said, grown) in told.items():
        assert said == "refused", (name, said)
        assert grown < MOST, name


def test_what_is_said_of_an_absurd_network(forge: Forge) -> None:
    with pytest.raises(
        WeightsError, match=r"deep\.safetensors cannot be rebuilt: n is 1000000, and the file holds \d+"
    ):
        load_model(forge.file("deep", {"build": {"n": 10**6}}))


def _number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little")


def _tensor(storage: int, shape: int, stride: int) -> bytes:
    """The pickle of a state dict with one float32 tensor."""
    built = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0"
    built += b"X\x03\0\0\0cpu" + _number(storage) + b"tQK\0(" + _number(shape) + b"t(" + _number(stride)
    return b"\x80\x02}X\x01\0\0\0a" + built + b"t\x89ccollections\nOrderedDict\n)RtRs."


def _called(what: bytes) -> bytes:
    """The pickle of {"a": what(3 billion)}."""
    return b"\x80\x02}X\x01\0\0\0ac" + what + b"\n(" + _number(3_000_000_000) + b"tRs."


def _archive(path: Path, pickled: bytes, record: bytes, packed: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", record)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux has it")
def test_archives_that_promise_too_much_are_refused(tmp_path: Path) -> None:
    honest = _archive(tmp_path / "honest.pth", _tensor(4, 4, 1), bytes(16))
    zeros = bytes(80_000_000)
    files = [
        _archive(tmp_path / "packed.pth", _tensor(20_000_000, 4, 1), zeros, zipfile.ZIP_DEFLATED),
        _archive(tmp_path / "packed.pt", _tensor(20_000_000, 4, 1), zeros, zipfile.ZIP_DEFLATED),
        _archive(tmp_path / "expanded.pth", _tensor(4, 10**12, 0), bytes(16)),
        _archive(tmp_path / "promised.pth", _tensor(10**12, 10**12, 1), bytes(16)),
        _archive(tmp_path / "bytearray.pth", _called(b"builtins\nbytearray"), b""),
        _archive(tmp_path / "old bytearray.pth", _called(b"__builtin__\nbytearray"), b""),
        _archive(tmp_path / "executed.pth", b"\x80\x02cposix\nsystem\n(X\x04\0\0\0truetR.", b""),
    ]
    told = _told([honest, *files])
    assert told.pop("honest.pth")[0] == "loaded"
    assert len(told) == len(files)
    for name, (said, grown) in told.items():
        assert said == "refused", (name, said)
        assert grown < MOST, name


def test_records_that_share_their_bytes_are_counted_each(tmp_path: Path) -> None:
    """A list of contents may name one record a thousand times (Fifield 2019)."""
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(100_000)}, stream)
    data = stream.getvalue()
    end = data.rindex(b"PK\x05\x06")
    count, _, size, start = struct.unpack("<HHII", data[end + 8 : end + 20])
    central = data[start : start + size]
    place = central.rindex(b"PK\x01\x02", 0, central.index(b"data/0") + 1)
    entry_end = central.index(b"PK\x01\x02", place + 4)
    more = central + central[place:entry_end] * 1000
    tail = data[end : end + 8] + struct.pack("<HHII", count + 1000, count + 1000, len(more), start) + b"\0\0"
    path = tmp_path / "a.pth"
    path.write_bytes(data[:start] + more + tail)
    with pytest.raises(WeightsError, match=r"would unpack to 40\d+ bytes; it was made to fill the memory"):
        read_checkpoint(path)
