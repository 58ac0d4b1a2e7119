import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.core.finding import Finding
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Label
from plusx.data.audit import Audit, audit


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Two classes, two splits; one broken file, one copy in both splits."""
    rng = np.random.default_rng(0)
    splits: dict[str, list[Sample]] = {"train": [], "val": []}
    for i in range(8):
        path = tmp_path / "data" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
        splits["val" if i > 5 else "train"].append(Sample(path, Label(i % 2), path.name))
    (tmp_path / "data" / "2.png").write_bytes(b"broken")
    (tmp_path / "data" / "7.png").write_bytes((tmp_path / "data" / "1.png").read_bytes())
    return Listing({split: tuple(samples) for split, samples in splits.items()}, "label", ("cat", "dog"))


def _state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in folder.iterdir()
    }


def test_findings_are_ordered_by_severity(listing: Listing) -> None:
    found = audit(listing)
    assert [finding.code for finding in found.findings] == ["unreadable", "leak"]
    assert found.files == 8
    assert found.unreadable == ("2.png",)


def test_clean_leaves_out_the_unreadable_only(listing: Listing) -> None:
    cleaned = audit(listing).clean(listing)
    assert [sample.name for sample in cleaned.splits["train"]] == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert cleaned.splits["val"] == listing.splits["val"]
    assert cleaned.notes == ("1 unreadable image left out",)


def test_clean_keeps_a_good_image_of_the_same_name_in_another_split(tmp_path: Path) -> None:
    good, gone = Sample(np.zeros((9, 9), dtype=np.uint8), None, "a"), Sample(tmp_path / "gone.png", None, "a")
    listing = Listing({"train": (good,), "val": (gone,)}, "label", ("cat",))
    cleaned = audit(listing).clean(listing)
    assert cleaned.splits == {"train": (good,), "val": ()}


def test_a_clean_data_set_is_handed_back_as_it_is() -> None:
    listing = Listing({"train": (Sample(np.zeros((9, 9), dtype=np.uint8), Label(0), "a"),)}, "label", ("cat", "dog"))
    assert audit(listing).clean(listing) is listing


def test_no_images_at_all() -> None:
    found = audit(Listing({}, "label"))
    assert (found.findings, found.files) == ((), 0)
    assert found.summary() == [f"0 images read in {found.seconds:.1f} s: nothing found"]


def test_every_image_with_its_facts(listing: Listing) -> None:
    found = audit(listing)
    assert [image.sample.name for image in found.images] == [f"{i}.png" for i in range(8)]
    assert found.images[7].facts.digest == found.images[1].facts.digest
    assert found.sizes == {(20, 20)}  # the broken one has none
    assert audit(Listing({}, "label")).sizes == frozenset()


def test_the_users_folder_is_left_alone(listing: Listing, tmp_path: Path) -> None:
    before = _state(tmp_path / "data")
    audit(listing, cache=tmp_path / "cache" / "audit.db", workers=2)
    assert _state(tmp_path / "data") == before


def test_the_cache_gives_the_same_findings(listing: Listing, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "audit.db"
    first, second = audit(listing, cache=cache), audit(listing, cache=cache)
    assert second.findings == first.findings


def test_summary_is_for_people() -> None:
    many = tuple(Finding("tiny", "warning", f"{i}.png: only 1×1 pixels", "Check it.") for i in range(5))
    error = Finding("one-class", "error", "All images have the same label, 'cat'", "At least two are needed.")
    assert Audit((error, *many), files=1, seconds=0.25).summary() == [
        "1 image read in 0.2 s: 1 error, 5 warnings",
        "  error [one-class] All images have the same label, 'cat'",
        "    → At least two are needed.",
        "  warning [tiny] 0.png: only 1×1 pixels",
        "  warning [tiny] 1.png: only 1×1 pixels",
        "  warning [tiny] 2.png: only 1×1 pixels",
        "    … and 2 more [tiny]",
        "    → Check it.",
    ]


def test_json_holds_everything(listing: Listing) -> None:
    found = audit(listing)
    values = found.to_json()
    assert set(values) == {"files", "seconds", "unreadable", "findings"}
    assert values["unreadable"] == ["2.png"]
    assert [finding["code"] for finding in values["findings"]] == [finding.code for finding in found.findings]
    assert json.loads(json.dumps(values)) == values


def test_needs_no_torch() -> None:
    code = "import sys, plusx.data.audit; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
