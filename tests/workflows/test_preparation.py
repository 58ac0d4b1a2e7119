"""What is trained on and what validates."""

from pathlib import Path

from pictures import colour_folder
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import prepare, read_listing


def validating(data: Path, **settings: int) -> list[str]:
    """Names of the images."""
    asked = FitSettings(workers=0, **settings)  # type: ignore[arg-type]
    prepared = prepare(read_listing(data, asked), asked, None, lambda done, all_: None)
    return [sample.name for sample in prepared.listing.splits["val"]]


def test_the_split_has_its_own_seed(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", 10)
    first, second = validating(data), validating(data, seed=1)
    assert first != second
    assert validating(data, seed=1, split_seed=0) == first
    assert validating(data, split_seed=1) == second
