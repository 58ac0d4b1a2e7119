from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plusx.core.finding import Finding
from plusx.core.masks import Mask, Masks
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Target
from plusx.data.audit import audit
from plusx.data.masks import MaskFile, Values

CODING = Values(((0, 0), (1, 1)))
CLASSES = ("background", "cell")


def grid(*values: int) -> NDArray[np.uint8]:
    """4 rows of these."""
    return np.array([values] * 4, np.uint8)


def findings(folder: Path, targets: list[Target], classes: tuple[str, ...] = CLASSES) -> dict[str, list[Finding]]:
    """Of an audit of images of 5×4 pixels, all different, with these masks; by code."""
    samples = []
    for number, target in enumerate(targets):
        Image.new("RGB", (5, 4), (number, 0, 0)).save(folder / f"{number}.png")
        samples.append(Sample(folder / f"{number}.png", target, f"{number}.png"))
    kind = "masks" if isinstance(targets[0], Masks) else "mask"
    found = audit(Listing({"train": tuple(samples)}, kind, classes)).findings
    return {code: [one for one in found if one.code == code] for code in {one.code for one in found} - {"tiny"}}


def test_good_masks_have_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, [Mask(grid(0, 0, 1, 1, 255))] * 2) == {}
    assert findings(tmp_path, [Masks(np.stack([grid(0, 1, 1, 0, 0)] * 2))], ("a", "b")) == {}


def test_what_is_wrong_with_masks(tmp_path: Path) -> None:
    Image.fromarray(grid(0, 1, 7, 7, 0)).save(tmp_path / "strange.png")
    (tmp_path / "text.png").write_text("hello")
    files: list[Target] = [MaskFile(tmp_path / name, CODING) for name in ("strange.png", "text.png")]
    found = findings(
        tmp_path, [*files, Mask(grid(0, 1, 1)), Mask(grid(255, 255, 255, 255, 255)), Mask(grid(0, 0, 0, 0, 0))]
    )
    strange, text = found["mask-unusable"]
    assert "0.png (train): " in strange.message
    assert "strange.png: 1 value has no class, in 8 pixels: 7 (8 pixels)" in strange.message
    assert "text.png" in text.message
    [size] = found["mask-size"]
    assert size.message == "2.png (train): the mask has 3×4 pixels, the image 5×4"
    assert [one.image for one in found["mask-void"]] == ["3.png"]
    [empty] = found["mask-empty"]
    assert empty.message == "1 of 2 masks in train are empty: all of them is background"


def test_classes_without_pixels(tmp_path: Path) -> None:
    [missing] = findings(tmp_path, [Mask(grid(0, 1, 0, 0, 0))], (*CLASSES, "never"))["class-empty"]
    assert missing.message == "Class 'never' has no pixel in a readable image"
    found = findings(tmp_path, [Masks(np.stack([grid(0, 1, 1, 0, 0), grid(0, 0, 0, 0, 0)]))], ("a", "b"))
    assert found["class-empty"][0].message == "Class 'b' has no pixel in a readable image"


@pytest.mark.parametrize("same", [True, False])
def test_the_same_image_with_the_same_mask_is_no_contradiction(same: bool, tmp_path: Path) -> None:
    """Two files of masks with the same pixels say the same."""
    samples = []
    for name, value in (("a", 0), ("b", 0 if same else 1)):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{name}.png")
        mask = np.ones((9, 9), np.uint8)
        mask[0, 0] = value
        Image.fromarray(mask).save(tmp_path / f"{name}_mask.png")
        samples.append(Sample(tmp_path / f"{name}.png", MaskFile(tmp_path / f"{name}_mask.png", CODING), name))
    codes = {one.code for one in audit(Listing({"train": tuple(samples)}, "mask", CLASSES)).findings}
    assert codes & {"contradiction", "duplicate"} == {"duplicate" if same else "contradiction"}
