import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.data.inspection.damage import Damage, find_damage
from plusx.data.inspection.facts import Facts, inspect_file

Encode = Callable[..., bytes]
Cut = Callable[[bytes, float], bytes]
Inspect = Callable[[bytes], Facts]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    def found(data: bytes) -> Facts:
        (tmp_path / "image").write_bytes(data)
        return inspect_file(str(tmp_path / "image"))

    return found


def png(height: int = 100, width: int = 80, mode: str = "RGB", **settings: Any) -> bytes:
    """Of noise, so that half of the bytes are half of the rows."""
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).convert(mode).save(file, "PNG", **settings)
    return file.getvalue()


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("settings", [{}, {"subsampling": 0}, {"mode": "L"}, {"optimize": True}])
def test_the_row_in_which_a_jpeg_ends(
    part: float, settings: dict[str, Any], jpeg: Encode, cut: Cut, inspect: Inspect
) -> None:
    data = cut(jpeg(320, 64, **settings), part)
    facts = inspect(data)
    row, rows = map(int, re.findall(r"from row (\d+) of (\d+) on", facts.detail)[0])
    assert facts.problem == "constant-tail"
    assert f"early, at byte {len(data) - 2}" in facts.detail
    assert (abs(row - part * 320) < 24, rows) == (True, 320)
    facts = inspect(data[:-2])
    assert facts.problem == "cut-off"
    assert f"; the file ends at byte {len(data) - 2}, the picture before row {row} of 320" in facts.detail


def test_a_jpeg_that_ends_before_its_picture_begins(jpeg: Encode, inspect: Inspect) -> None:
    facts = inspect(jpeg()[:200])
    assert facts.problem in ("cut-off", "unreadable")
    assert find_damage(jpeg()[:200]) == Damage(True, "the file ends at byte 200")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "1", "P"])
def test_the_row_in_which_a_png_ends(mode: str, inspect: Inspect) -> None:
    data = png(mode=mode)
    facts = inspect(data[: len(data) // 2])
    found = re.findall(r"the file ends at byte (\d+), in row (\d+) of (\d+)", facts.detail)
    byte, row, rows = map(int, found[0])
    assert (facts.problem, byte, rows) == ("cut-off", len(data) // 2, 100)
    assert 30 < row < 70


def test_a_flipped_bit_of_a_png_is_no_cut(inspect: Inspect) -> None:
    data = bytearray(png())
    data[len(data) // 2] ^= 4
    facts = inspect(bytes(data))
    place = re.findall(r"between bytes (\d+) and (\d+), in rows (\d+) to (\d+) of 100", facts.detail)
    first, last, above, below = map(int, place[0])
    assert facts.problem == "unreadable"
    assert "the checksum of PNG chunk IDAT is wrong" in facts.detail
    assert first <= len(data) // 2 < last
    assert above <= 50 <= below


def test_a_png_without_its_end_or_with_a_damaged_header(inspect: Inspect) -> None:
    data = png()
    assert inspect(data[:40]).problem != ""
    broken = bytearray(data)
    broken[-8:-4] = b"JUNK"
    assert find_damage(bytes(broken)) is not None
    broken = bytearray(data)
    broken[17] ^= 1
    assert find_damage(bytes(broken)) == Damage(False, "between bytes 8 and 33")


def test_other_formats_have_no_place() -> None:
    assert find_damage(b"GIF89a") is None
    assert find_damage(b"") is None
