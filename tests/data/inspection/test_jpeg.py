import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.data.inspection.facts import inspect_file
from plusx.data.inspection.jpeg import find_scans

Encode = Callable[..., bytes]
Cut = Callable[[bytes, float], bytes]
SHARED = Path(__file__).parents[3].parent / "shared" / "data"

KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "444": {"subsampling": 0},
    "coarse": {"quality": 5},
    "fine": {"quality": 100},
    "own tables": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
    "restart each row": {"restart_marker_rows": 1},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "progressive": {"progressive": True},
    "progressive grey": {"progressive": True, "mode": "L"},
}


@pytest.fixture
def problem(tmp_path: Path) -> Callable[[bytes], str]:
    def find(data: bytes) -> str:
        path = tmp_path / "image.jpg"
        path.write_bytes(data)
        return inspect_file(str(path)).problem

    return find


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_pass(kind: str, jpeg: Encode, problem: Callable[[bytes], str]) -> None:
    for size in [(1, 1), (7, 9), (16, 16), (17, 40), (96, 128)]:
        assert problem(jpeg(*size, **KINDS[kind])) == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_cut_file_with_an_end_marker_is_found(
    kind: str, part: float, jpeg: Encode, cut: Cut, problem: Callable[[bytes], str]
) -> None:
    data = cut(jpeg(**KINDS[kind]), part)
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # Pillow has no objection
    assert problem(data) == "constant-tail"


@pytest.mark.parametrize("colour", [0, 127, 128, 255])
@pytest.mark.parametrize("settings", [{}, {"optimize": True}, {"progressive": True}])
def test_one_colour_is_not_a_cut(colour: int, settings: dict[str, Any], problem: Callable[[bytes], str]) -> None:
    for side in (1, 8, 30, 200):
        file = io.BytesIO()
        Image.new("RGB", (side, side), (colour,) * 3).save(file, "JPEG", **settings)
        assert problem(file.getvalue()) == ""


def test_borders_and_walls_are_not_a_cut(problem: Callable[[bytes], str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8)
    for colour in (0, 128, 255):
        pixels[64:] = colour
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG")
        assert problem(file.getvalue()) == ""


def test_a_cut_grey_picture_is_found_though_its_pixels_are_right(cut: Cut, problem: Callable[[bytes], str]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (640, 480), (128, 128, 128)).save(file, "JPEG")
    assert problem(cut(file.getvalue(), 0.5)) == "constant-tail"


def test_what_follows_the_end_marker_does_not_matter(jpeg: Encode, problem: Callable[[bytes], str]) -> None:
    assert problem(jpeg() + b"trailing bytes \xff\xd9") == ""
    assert problem(jpeg() + jpeg(8, 8)) == ""


def test_two_pictures_in_one_file(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (64, 48), "red"), Image.new("RGB", (16, 16), "blue")
    path = tmp_path / "stereo.jpg"
    first.save(path, "MPO", save_all=True, append_images=[second])
    facts = inspect_file(str(path))
    assert (facts.problem, facts.height, facts.width) == ("", 48, 64)


def test_without_an_end_marker_a_file_is_cut_off(jpeg: Encode, problem: Callable[[bytes], str]) -> None:
    data = jpeg()
    assert problem(data[: len(data) // 2]) == "cut-off"
    assert problem(data[:-1000] + bytes(1000)) == "cut-off"


def test_a_progressive_file_cut_in_its_first_scan(jpeg: Encode, problem: Callable[[bytes], str]) -> None:
    data = jpeg(progressive=True)
    scans = find_scans(data)
    assert scans is not None
    assert problem(data[: scans.ends[0] - 20] + b"\xff\xd9") == "constant-tail"


def test_a_progressive_file_of_one_scan_is_coarse_but_whole(jpeg: Encode, problem: Callable[[bytes], str]) -> None:
    data = jpeg(progressive=True)
    scans = find_scans(data)
    assert scans is not None
    assert problem(data[: scans.ends[0]] + b"\xff\xd9") == ""


def test_only_huffman_coded_jpegs_with_an_end_have_scans(jpeg: Encode) -> None:
    data = jpeg()
    assert find_scans(data) == ((len(data) - 2,), False)
    progressive = find_scans(jpeg(progressive=True))
    assert progressive is not None
    assert progressive.progressive
    assert len(progressive.ends) == 10
    arithmetic = data.replace(b"\xff\xc0", b"\xff\xc9", 1)
    for other in (b"", b"\xff\xd8", b"\xff\xd8\xff", data[:300], data[:-2], arithmetic, b"\xff\xd8 no marker"):
        assert find_scans(other) is None


def test_fill_bytes_before_a_marker_are_skipped(jpeg: Encode) -> None:
    data = jpeg()
    filled = data.replace(b"\xff\xda", b"\xff\xff\xff\xda", 1)
    assert find_scans(filled) == ((len(filled) - 2,), False)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize("part", [None, 0.6])
def test_real_photos(part: float | None, cut: Cut, problem: Callable[[bytes], str]) -> None:
    for path in sorted(SHARED.glob("*/**/*.jpg"))[::70]:
        data = path.read_bytes()
        assert problem(data if part is None else cut(data, part)) == ("" if part is None else "constant-tail")
