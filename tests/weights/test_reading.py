"""Files recognised by what is in them; damaged, foreign and dangerous ones refused by name."""

import argparse
import collections
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from plusx.core.errors import WeightsError
from plusx.weights.reading import read_checkpoint

TENSORS = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "conv1.count": torch.tensor(5)}


def same(found: Mapping[str, Tensor]) -> bool:
    return list(found) == list(TENSORS) and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


class Runs:
    """A pickle of it calls `function` when it is loaded."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return self.function, ("touch executed",)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w"])
def test_suffix_does_not_matter(tmp_path: Path, name: str) -> None:
    torch.save(TENSORS, tmp_path / name)
    assert same(read_checkpoint(tmp_path / name).tensors)
    save_file(dict(sorted(TENSORS.items(), reverse=True)), tmp_path / name)
    assert set(read_checkpoint(tmp_path / name).tensors) == set(TENSORS)


@pytest.mark.parametrize("mark", [b"\x80", b"PK"], ids=["pickle", "zip"])
def test_length_of_a_header_may_look_like_another_format(tmp_path: Path, mark: bytes) -> None:
    length = int.from_bytes(mark, "little")
    text = b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'.ljust(length)
    (tmp_path / "w.safetensors").write_bytes(length.to_bytes(8, "little") + text + b"\x03\x04")
    assert read_checkpoint(tmp_path / "w.safetensors").tensors["a"].tolist() == [3, 4]


def test_format_of_old_torch(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    assert same(read_checkpoint(tmp_path / "w.pt").tensors)


@pytest.mark.parametrize(
    "content",
    [
        collections.OrderedDict(TENSORS),
        {name: nn.Parameter(tensor) if tensor.is_floating_point() else tensor for name, tensor in TENSORS.items()},
        {"state_dict": TENSORS, "epoch": 3, "arch": "resnet50", "optimizer": {"state": {}}},
        {"model": {f"module.{name}": tensor for name, tensor in TENSORS.items()}},
        {"model_state": TENSORS},
        {"net": {f"module._orig_mod.{name}": tensor for name, tensor in TENSORS.items()}, "acc": 93.2},
        {"model": {"state_dict": TENSORS}},
        {"state_dict": {"other.weight": torch.zeros(1)}, "state_dict_ema": TENSORS},
        {"model_ema": {"n_averaged": torch.tensor(3)} | {f"module.{name}": t for name, t in TENSORS.items()}},
        {"state_dict": TENSORS, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.5), "n": np.int64(3)},
    ],
    ids=[
        "bare",
        "parameters",
        "epoch",
        "module",
        "model_state",
        "compiled",
        "twice",
        "ema",
        "averaged",
        "plain values",
    ],
)
def test_where_training_scripts_put_it(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pt")
    assert same(read_checkpoint(tmp_path / "w.pt").tensors)


@pytest.mark.parametrize(
    ("function", "name"),
    [(__import__("os").system, r"(posix|nt)\.system"), (eval, "eval"), (exec, "exec"), (__import__, "__import__")],
    ids=["system", "eval", "exec", "import"],
)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
def test_code_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any, name: str, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": TENSORS, "x": Runs(function)}, "w.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=rf"w\.pt was refused: it asks to call {name}, and a weights file must not"):
        read_checkpoint(Path("w.pt"))
    assert not Path("executed").exists()


def test_bare_pickle_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(pickle.dumps(Runs(__import__("subprocess").check_output)))
    with pytest.raises(WeightsError, match=r"w\.pt was refused: it asks to call subprocess\.check_output, and"):
        read_checkpoint(tmp_path / "w.pt")


def test_whole_pickled_model_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"asks to call torch\.nn\.modules\.linear\.Linear.* save model\.state_dict"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"epoch": 3, "optimizer": {}}, r"a dict with 'epoch', 'optimizer', not tensors by name"),
        ({}, r"a dict with nothing, not tensors"),
        ([torch.zeros(1)], r"a list, not tensors"),
        ({"state_dict": {"a": 1.0}}, r"a dict with 'a', not tensors"),
        ({0: torch.zeros(1)}, r"a dict with 0, not tensors"),
    ],
)
def test_no_state_dict(tmp_path: Path, content: Any, found: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=rf"w\.pt holds {found}.*expected a state dict, or one under state_dict_ema"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"a Git LFS pointer, not the file itself; run: git lfs pull"),
        (b"<!DOCTYPE html><html>", "a web page; download the file itself"),
        (b"\xff\xd8\xff\xe0 a photo", r"it begins with b'\\xff\\xd8"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(
        WeightsError, match=rf"w\.pt is no weights file: .*{text}.*Expected safetensors, torch or Keras"
    ):
        read_checkpoint(tmp_path / "w.pt")


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"w\.pt cannot be read: No such file or directory\. Check the path"):
        read_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("part", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
def test_cut_off(tmp_path: Path, zipped: bool, part: float) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.randn(1000)}, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(WeightsError, match=r"w\.pt is (cut off or damaged|damaged)"):
        read_checkpoint(path)


def test_some_other_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(WeightsError, match=r"photos\.zip is cut off or damaged"):
        read_checkpoint(tmp_path / "photos.zip")


def test_safetensors_with_an_unknown_type(tmp_path: Path) -> None:
    text = b'{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(WeightsError, match=r"w\.safetensors is damaged: .*Get the file again"):
        read_checkpoint(tmp_path / "w.safetensors")
