"""Headers of model files: round trip, and every way in which a file can be something else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plusx.core.card import Card, Input, Source
from plusx.core.errors import WeightsError
from plusx.weights.header import LARGEST_HEADER, Header, read_header, read_metadata

CARD = Card(
    "blumen",
    "resnet18",
    build={"eps": 1e-3},
    input=Input(size=(96, 64), resize=100, mean=(0.5,), std=(0.25,), order="L"),
    classes=("Rose", "Löwenzahn", "牡丹"),
    source=Source(filename="model.safetensors"),
)
HEADER = Header(CARD, "classify", {"classes": ["Rose", "Löwenzahn", "牡丹"]}, {"run": "runs/1", "top-1": 0.5})


def write(path: Path, contents: Any, tensors: bytes = b"") -> Path:
    text = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + tensors)
    return path


def test_round_trip(tmp_path: Path) -> None:
    tensor = {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}
    path = write(tmp_path / "m.safetensors", {"__metadata__": HEADER.to_metadata(), "a": tensor}, b"abc")
    assert read_header(path) == HEADER


def test_reading_needs_no_torch() -> None:
    code = "import sys, plusx.weights.header; print(sorted({'torch', 'torchvision', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"m\.safetensors cannot be read: No such file or directory\. Check the path"
    ):
        read_header(tmp_path / "m.safetensors")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be read: Is a directory"):
        read_header(tmp_path)


def test_other_safetensors(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", {"__metadata__": {"format": "pt"}})
    with pytest.raises(WeightsError, match=r"no plusx header, .* plusx fit DATA --model resnet50 --weights .*m\.saf"):
        read_header(path)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 100, b"\x02" + bytes(7), bytes(8) + b"{}"])
def test_no_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"is cut off, damaged or no safetensors file: \d+ bytes long, it announces"):
        read_header(tmp_path / "m.safetensors")


def test_announced_length_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:  # as long as it says, yet no byte of it on the disk
        file.write((LARGEST_HEADER + 1).to_bytes(8, "little"))
        file.truncate(LARGEST_HEADER + 100)
    with pytest.raises(WeightsError, match=r"announces a header of 100000001 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    "contents",
    [b"no JSON!", b"[1, 2]", b'"text"', b"\xff\xfe{}", b"[" * 100_000, {"a": 1}, {"a": {"data_offsets": []}}],
)
def test_json_that_lists_no_tensors(tmp_path: Path, contents: Any) -> None:
    path = write(tmp_path / "m.safetensors", contents)
    with pytest.raises(WeightsError, match=r"its header is not JSON of tensors"):
        read_header(path)


@pytest.mark.parametrize("size", [2, 4])
def test_cut_off_or_too_long(tmp_path: Path, size: int) -> None:
    tensor = {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}
    path = write(tmp_path / "m.safetensors", {"a": tensor}, bytes(size))
    with pytest.raises(
        WeightsError, match=r"cut off, damaged or no safetensors file: \d+ bytes long, its tensors need"
    ):
        read_metadata(path)


def test_metadata_that_are_no_texts(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="its metadata are not texts"):
        read_metadata(write(tmp_path / "m.safetensors", {"__metadata__": {"plusx.version": 1}}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plusx.card", None),
        ("plusx.card", "{}"),
        ("plusx.card", "not JSON"),
        ("plusx.card", json.dumps({**CARD.to_json(), "surprise": 1})),
        ("plusx.card", json.dumps({**CARD.to_json(), "input": {"size": [0, 0]}})),
        ("plusx.task", '{"name": "classify"}'),
        ("plusx.task", "[]"),
        ("plusx.extra", "3"),
        ("plusx.version", "["),
    ],
)
def test_damaged_entries(tmp_path: Path, key: str, value: str | None) -> None:
    metadata = {**HEADER.to_metadata(), key: value}
    path = write(tmp_path / "m.safetensors", {"__metadata__": {k: v for k, v in metadata.items() if v is not None}})
    with pytest.raises(WeightsError, match=r"The header of .*m\.safetensors is damaged \(\w+: .*\)\. Get or save the"):
        read_header(path)


def test_newer_version(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", {"__metadata__": {**HEADER.to_metadata(), "plusx.version": "2"}})
    with pytest.raises(WeightsError, match=r"model file of version 2; this plusx reads version 1\. Update plusx"):
        read_header(path)


def test_extra_must_be_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Header(CARD, "classify", {}, {"loss": float("nan")}).to_metadata()
