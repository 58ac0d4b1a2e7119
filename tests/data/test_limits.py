import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from plusx.core.errors import DataError, InputError
from plusx.data.images import read_image
from plusx.data.limits import MOST_PIXELS, check_pixels, most_pixels
from plusx.data.masks import read_values
from plusx.data.sizes import read_size


@pytest.mark.parametrize("text", ["0", "-1", "1e6", "many", "1_000", "٣", "9" * 30])
def test_the_variable_has_to_be_a_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PLUSX_MAX_PIXELS", text)
    with pytest.raises(InputError, match=r"PLUSX_MAX_PIXELS is .*expected a whole number of pixels, such as 170000000"):
        most_pixels()


def test_the_limit_is_that_of_height_times_width(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_pixels() == MOST_PIXELS
    check_pixels(1, MOST_PIXELS)
    with pytest.raises(DataError, match="170000000×2 pixels: more than the 170000000"):
        check_pixels(2, MOST_PIXELS)
    monkeypatch.setenv("PLUSX_MAX_PIXELS", " 12 ")
    check_pixels(3, 4)


def test_masks_and_sizes_have_the_same_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (9, 8)).save(tmp_path / "a.png")
    monkeypatch.setenv("PLUSX_MAX_PIXELS", "71")
    for read in (read_values, read_size, read_image):
        with pytest.raises(DataError, match="9×8 pixels: more than the 71 pixels"):
            read(tmp_path / "a.png")


def test_a_larger_limit_is_not_stopped_by_that_of_pillow(tmp_path: Path) -> None:
    """In a process of its own: Pillow's limit holds for all of one."""
    Image.new("1", (20_000, 9000)).save(tmp_path / "a.png")
    code = (
        "import sys; from pathlib import Path; from plusx.data.sizes import read_size\n"
        "try: print(*read_size(Path(sys.argv[1]))[:2])\n"
        "except ValueError as error: print(error)"
    )
    for limit, said in (("200000000", "9000 20000"), ("", "more than the 170000000 pixels")):
        found = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "a.png")],
            env={"PLUSX_MAX_PIXELS": limit, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert said in found.stdout, found.stderr
