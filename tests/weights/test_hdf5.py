"""HDF5 files in Keras' layouts, made by hand; and those made to do harm."""

import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from plusx.core.errors import MissingExtraError, WeightsError
from plusx.weights.hdf5 import is_hdf5
from plusx.weights.reading import read_checkpoint

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)


def legacy(path: Path, layer: str, weights: dict[str, Any], *, root: str = "/", **options: Any) -> Path:
    with h5py.File(path, "w", **options) as file:
        group = file.require_group(root)
        group.attrs["layer_names"] = [layer.encode()]
        group.create_group(layer).attrs["weight_names"] = [name.encode() for name in weights]
        for name, value in weights.items():
            group[f"{layer}/{name}"] = value
    return path


@pytest.mark.parametrize(
    ("layer", "weight", "name"),
    [
        ("conv1_conv", "conv1_conv/kernel:0", "conv1_conv/kernel"),
        ("conv1_conv", "conv1_conv_3/conv1_conv/kernel:0", "conv1_conv/kernel"),
        ("conv1_conv", "kernel:0", "conv1_conv/kernel"),
        ("resnet50", "conv1_conv/kernel:0", "conv1_conv/kernel"),
        ("expanded_conv/depthwise/BN", "expanded_conv/depthwise/BN/gamma:0", "expanded_conv/depthwise/BN/gamma"),
    ],
)
@pytest.mark.parametrize("root", ["/", "model_weights"])
def test_names_of_the_legacy_layout(tmp_path: Path, layer: str, weight: str, name: str, root: str) -> None:
    found = read_checkpoint(legacy(tmp_path / "w.h5", layer, {weight: KERNEL}, root=root)).tensors
    assert list(found) == [name]
    np.testing.assert_array_equal(found[name].numpy(), KERNEL)


def test_long_lists_of_layers_are_cut_into_pieces(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for number in range(11):
            file.attrs[f"layer_names{number}"] = [f"conv_{number}"]
            file.create_group(f"conv_{number}").attrs["weight_names"] = [f"conv_{number}/kernel:0"]
            file[f"conv_{number}/conv_{number}/kernel:0"] = KERNEL
    assert list(read_checkpoint(tmp_path / "w.h5").tensors) == [f"conv_{number}/kernel" for number in range(11)]


def test_numbered_layout_with_and_without_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        for path, name in (("layers/conv2d/vars", "stem"), ("layers/batch_normalization_12/vars", None)):
            group = file.create_group(path)
            group.attrs.update({"name": name} if name else {})
            group["0"], group["1"] = KERNEL, KERNEL[0]
        file["optimizer/vars/0"] = KERNEL
        file["layers/random_flip/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    found = read_checkpoint(tmp_path / "w.weights.h5").tensors
    assert sorted(found) == ["batch_normalization_12/beta", "batch_normalization_12/gamma", "stem/bias", "stem/kernel"]


def test_behind_a_user_block(tmp_path: Path) -> None:
    path = legacy(tmp_path / "w.h5", "a", {"kernel:0": KERNEL}, userblock_size=1024)
    assert is_hdf5(path)
    assert list(read_checkpoint(path).tensors) == ["a/kernel"]


def test_hdf5_of_something_else(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["measurements"] = KERNEL
    with pytest.raises(WeightsError, match=r"w\.h5 is an HDF5 file without Keras weights\. Save it with model\.save_w"):
        read_checkpoint(tmp_path / "w.h5")


def test_listed_but_not_there(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = ["conv1"]
    with pytest.raises(WeightsError, match=r"w\.h5 is cut off or damaged: .*conv1"):
        read_checkpoint(tmp_path / "w.h5")


@pytest.mark.parametrize("keep", [100, 1000])
def test_cut_off(tmp_path: Path, keep: int) -> None:
    path = legacy(tmp_path / "w.h5", "a", {"kernel:0": KERNEL})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"w\.h5 is cut off or damaged"):
        read_checkpoint(path)


def test_arrays_made_to_fill_the_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["kernel:0"]
        file.create_dataset("a/kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
    with pytest.raises(
        WeightsError, match=r"w\.h5 would unpack to 4398046511104 bytes; it was made to fill the memory"
    ):
        read_checkpoint(tmp_path / "w.h5")


def test_archive_made_to_fill_the_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(50_000_000))
    with pytest.raises(WeightsError, match=r"m\.keras would unpack to 50000000 bytes"):
        read_checkpoint(tmp_path / "m.keras")


def test_arrays_in_other_files(tmp_path: Path) -> None:
    legacy(tmp_path / "other.h5", "a", {"kernel:0": KERNEL})
    (tmp_path / "secret").write_bytes(bytes(4))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["kernel:0"]
        file.create_dataset("a/kernel:0", (1,), "f4", external=[(str(tmp_path / "secret"), 0, 4)])
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file.attrs["layer_names"] = ["a"]
        file["a"] = h5py.ExternalLink("other.h5", "/a")
    for name in ("w.h5", "link.h5"):
        with pytest.raises(WeightsError, match=rf"{name} was refused: a/kernel points into another file"):
            read_checkpoint(tmp_path / name)


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = legacy(tmp_path / "w.h5", "a", {"kernel:0": KERNEL})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        MissingExtraError, match=r"w\.h5 needs h5py, which is not installed.*pip install 'plusx\[keras\]"
    ):
        read_checkpoint(path)
