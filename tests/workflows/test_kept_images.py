"""Training images are kept decoded where that is asked for, or pays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pictures import COLOURS, colour_folder, picture
from plusx.weights.modelfile import load_model
from plusx.workflows import kept_images
from plusx.workflows.building import design
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.kept_images import settle_side
from plusx.workflows.preparation import Prepared, prepare, read_listing
from plusx.workflows.run import Run
from plusx.workflows.settling import settle

pytestmark = pytest.mark.usefixtures("cache")

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "channels_last": "no",
    "compile": "no",
    "export": False,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs of 640 × 480 pixels, 24 of three colours."""
    root = tmp_path_factory.mktemp("photos") / "照片"
    for at, (name, colour) in enumerate(COLOURS.items()):
        (root / name).mkdir(parents=True)
        for number in range(8):
            image = Image.fromarray(picture(colour, 100 * at + number, (480, 640)))
            image.save(root / name / f"{number}.jpg", quality=95)
    return root


def tensors(run: Run) -> list[torch.Tensor]:
    return list(load_model(run.model).task.state_dict().values())


def test_the_same_model_by_any_number_of_processes_from_any_epoch(
    photos: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**QUICK, "cache": "decoded", "epochs": 2}
    first = fit(photos, **settings, workers=0, out=tmp_path / "a")
    assert "training images are kept decoded, 63 pixels or less on the shorter side" in capsys.readouterr().err
    (store,) = (cache / "kept").iterdir()
    assert np.fromfile(store / "checksums", np.uint32).all()
    second = fit(photos, **settings, workers=2, out=tmp_path / "b")  # from the store
    assert all(map(torch.equal, tensors(first), tensors(second)))
    for name in ("pixels", "checksums"):
        (store / name).unlink()
    third = fit(photos, **settings, workers=2, out=tmp_path / "c")
    assert all(map(torch.equal, tensors(first), tensors(third)))
    assert "kept decoded" in capsys.readouterr().err
    fit(resume=tmp_path / "c", epochs=3)
    assert "kept decoded, 63 pixels" in capsys.readouterr().err


def prepared_of(data: Path) -> Prepared:
    settings = FitSettings(workers=0)
    return prepare(read_listing(data, settings), settings, None, lambda done, total: None)


def side(data: Path, prepared: Prepared, **given: Any) -> int:
    job = settle(data, None, {"model": "resnet20", "epochs": 4, **given}, str)
    return settle_side(job, prepared, design(job.settings, prepared.listing, prepared.audit.sizes))


def test_when(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    prepared = prepared_of(photos)
    assert side(photos, prepared) == 0  # 0.3 megapixels are decoded in no time
    assert side(photos, prepared, cache="decoded") == 63
    assert side(photos, prepared, cache="decoded", crop=1.0) == 37
    assert side(photos, prepared, cache="decoded", epochs=1) == 0
    monkeypatch.setattr(kept_images, "LARGE", 3e5)
    assert side(photos, prepared) == 63
    assert side(photos, prepared, cache="none") == 0
    assert side(photos, prepared, image_size=384) == 0  # hardly smaller than the files
    assert not caplog.messages
    assert side(photos, prepared, cache="decoded", cache_limit=1e-5) == 0
    assert "--cache decoded would take 0.0 GB, and 0.0 GB may be taken" in caplog.text
    small = colour_folder(tmp_path / "small")
    assert side(small, prepared_of(small), cache="decoded") == 63


def test_arrays_are_decoded_already(photos: Path) -> None:
    prepared = prepared_of(photos)
    samples = [replace(one, image=np.zeros((480, 640, 3), np.uint8)) for one in prepared.listing.splits["train"]]
    prepared = replace(prepared, listing=prepared.listing.with_splits({**prepared.listing.splits, "train": samples}))
    assert side(photos, prepared, cache="decoded") == 0
