"""No reader takes half a picture for a whole one, whatever was done to the file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from odd_pictures import pixels, saved, whole
from plusx.core.errors import DataError
from plusx.data.images import read_image
from plusx.data.inspection.facts import inspect_memory
from plusx.data.masks import read_stored

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "odd_files.py"


@pytest.mark.skipif(sys.platform == "win32", reason="the script copies its process")
def test_damaged_files_of_every_kind_are_refused_or_read_whole() -> None:
    found = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.returncode == 0, found.stdout
    assert "all: " in found.stdout, found.stderr
    assert "silent" not in found.stdout


def test_the_corpus_holds_every_kind() -> None:
    assert {name.split()[0] for name in whole(9, 9)} == {"png", "jpeg", "tiff", "webp", "gif", "bmp", "dib", "ppm"}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_jpeg_that_was_cut_and_ended_is_refused(tmp_path: Path, options: dict[str, int], part: float) -> None:
    data = saved(Image.fromarray(pixels(200, 160)), "JPEG", **options)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[: int(len(data) * part)] + b"\xff\xd9")
    for read in (read_image, read_stored):
        with pytest.raises(DataError, match=r"a\.jpg: damaged or cut off: its data end early and the decoder filled"):
            read(path)


def test_a_marker_in_the_middle_of_the_data_is_an_early_end() -> None:
    data = bytearray(saved(Image.fromarray(pixels(200, 160)), "JPEG"))
    data[len(data) // 2 :][:2] = b"\xff\xe3"
    data[len(data) // 2 : len(data) // 2 + 2] = b"\xff\xe3"
    with pytest.raises(DataError, match="its data end early"):
        read_image(bytes(data))
    assert inspect_memory(bytes(data)).problem == "constant-tail"


def test_a_damaged_strip_in_ycbcr_is_refused() -> None:
    data = bytearray(whole()["tiff YCbCr tiff_adobe_deflate"])
    assert read_image(bytes(data)).any()
    data[len(data) // 2] ^= 1
    with pytest.raises(DataError, match="damaged or cut off, a strip of the TIFF could not be unpacked"):
        read_image(bytes(data))


def test_a_damaged_jpeg_strip_is_refused() -> None:
    data = bytearray(whole(200, 160)["tiff RGB jpeg"])
    assert np.ptp(read_image(bytes(data))) > 100
    middle = len(data) // 2
    data[middle : middle + 4] = b"\xff\xe3\xff\xe3"
    with pytest.raises(DataError, match="damaged or cut off"):
        read_image(bytes(data))
