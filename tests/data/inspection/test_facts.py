import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import OutOfMemoryError
from plusx.data.inspection.facts import Facts, grey_rows, inspect_file, inspect_memory

Encode = Callable[..., bytes]


def test_a_good_file(tmp_path: Path, jpeg: Encode) -> None:
    path = tmp_path / "ünï.jpg"
    path.write_bytes(jpeg(40, 60))
    facts = inspect_file(str(path))
    assert facts.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (facts.height, facts.width, facts.problem, facts.detail, facts.grey_rows) == (40, 60, "", "", 0)
    assert (facts.format, facts.mode, facts.bits, facts.frames, facts.orientation) == ("JPEG", "RGB", 8, 1, 1)
    assert (len(facts.pixels), len(facts.phash), len(facts.miniature)) == (16, 8, 768)


def test_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "lying.jpg", exif=exif)
    facts = inspect_file(str(tmp_path / "lying.jpg"))
    assert (facts.height, facts.width) == (60, 40)


@pytest.mark.parametrize(
    ("content", "problem", "detail"),
    [
        (b"", "unreadable", "the file is empty"),
        (b"no picture", "unreadable", "not a readable image"),
        (b"\xff\xd8\xff\xe0", "unreadable", "not a readable image"),
    ],
)
def test_files_that_are_no_images(tmp_path: Path, content: bytes, problem: str, detail: str) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    facts = inspect_file(str(path))
    assert facts.problem == problem
    assert facts.detail.startswith(detail)
    assert (facts.height, facts.width) == (0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_half_of_a_file(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    path = tmp_path / "half"
    path.write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    facts = inspect_file(str(path))
    assert facts.problem == "cut-off"
    assert "image in memory" not in facts.detail


def test_a_missing_file(tmp_path: Path) -> None:
    facts = inspect_file(str(tmp_path / "gone.jpg"))
    assert facts == Facts(problem="missing", detail="there is no such file")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    facts = inspect_file(str(tmp_path))
    assert facts.problem == "unreadable"
    assert facts.detail.startswith("could not be read: ")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, jpeg: Encode) -> None:
    path = tmp_path / "locked.jpg"
    path.write_bytes(jpeg())
    path.chmod(0)
    assert inspect_file(str(path)).problem == "unreadable"


def test_images_in_memory_are_known_by_their_pixels() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    facts = inspect_memory(pixels)
    assert (facts.height, facts.width, facts.problem) == (4, 4, "")
    assert inspect_memory(lambda: Image.fromarray(pixels)) == facts
    assert inspect_memory(pixels.reshape(2, 8, 3)).digest != facts.digest
    assert inspect_memory(pixels + 1).digest != facts.digest


def test_encoded_images_in_memory_are_known_by_their_bytes(tmp_path: Path, jpeg: Encode) -> None:
    data = jpeg(40, 60)
    (tmp_path / "a.jpg").write_bytes(data)
    facts = inspect_file(str(tmp_path / "a.jpg"))
    assert inspect_memory(data) == inspect_memory(lambda: data) == inspect_memory(lambda: tmp_path / "a.jpg") == facts
    assert facts.digest == hashlib.sha256(data).hexdigest()
    assert inspect_memory(data[: len(data) // 2]).problem == "cut-off"


def test_functions_that_fail_are_a_problem_of_the_image() -> None:
    def fail() -> None:
        raise RuntimeError("connection lost")

    def fail_silently() -> None:
        raise KeyError

    assert inspect_memory(fail) == Facts(problem="unreadable", detail="connection lost")
    assert inspect_memory(fail_silently) == Facts(problem="unreadable", detail="KeyError")


def test_memory_that_runs_out_is_no_problem_of_the_image() -> None:
    def fail() -> None:
        raise MemoryError

    with pytest.raises(OutOfMemoryError, match="Out of memory while an image was read"):
        inspect_memory(fail)


def test_grey_rows_are_counted_from_below() -> None:
    pixels = np.random.default_rng(0).integers(0, 100, (20, 8, 3), dtype=np.uint8)
    assert grey_rows(pixels) == 0
    pixels[-5:] = 128
    pixels[-2] = (126, 130, 127)
    assert grey_rows(pixels) == 5
    pixels[-1, 3] = 140
    assert grey_rows(pixels) == 0
    pixels[:] = 128
    assert grey_rows(pixels) == 20
