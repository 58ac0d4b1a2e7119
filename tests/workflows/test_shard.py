"""Data sets written into shards: nothing lost, the same bytes every time, gone on with after an interruption."""

import gc
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from PIL import Image

import boxed
from pictures import COLOURS, colour_folder, picture
from plusx.cli.main import main
from plusx.core.card import Input
from plusx.core.errors import DataError, InputError, InterruptedRunError
from plusx.core.masks import LazyMask, Mask
from plusx.core.prediction import LabelPrediction
from plusx.core.ranks import ALONE, Ranks
from plusx.core.sample import Listing
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.loader import Loader
from plusx.data.sampler import Windowed
from plusx.data.transforms import EvalTransform
from plusx.weights.header import read_header
from plusx.workflows import shard as module
from plusx.workflows.check import check
from plusx.workflows.evaluate import evaluate
from plusx.workflows.fit import fit
from plusx.workflows.loading import shuffled
from plusx.workflows.predict import predict
from plusx.workflows.shard import shard
from plusx.workflows.sources import find_images

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "epochs": 2,
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "export": False,
    "workers": 0,
}


leaves_files_open = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""What webdataset does."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return colour_folder(tmp_path / "data", per_class=6)


def content(listing: Listing) -> dict[str, list[tuple[Any, ...]]]:
    """Of every split names, targets, groups and bytes."""
    return {
        split: [(one.name, _plain(one.target), one.group, _bytes(one.image)) for one in samples]
        for split, samples in listing.splits.items()
    }


def _plain(target: Any) -> Any:
    loaded = target.load() if isinstance(target, LazyMask) else target
    return loaded.values.tolist() if isinstance(loaded, Mask) else loaded


def _bytes(image: Any) -> bytes:
    return image.read_bytes() if isinstance(image, Path) else image()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("to", ["tar", "parquet"])
def test_nothing_is_lost(data: Path, tmp_path: Path, to: str) -> None:
    done = shard(data, tmp_path / "out", images=5, workers=1, to=to)
    assert (done.images, done.shards, done.kept, done.unreadable) == ({"train": 18}, 4, 0, ())
    before, after = read(data), read(tmp_path / "out")
    assert content(after) == content(before)
    assert (after.kind, after.classes, after.format) == ("label", before.classes, "shards")
    assert next(done.lines()) == "train: 18 images"


@pytest.mark.parametrize("to", ["tar", "parquet"])
def test_the_same_bytes_for_any_number_of_processes(data: Path, tmp_path: Path, to: str) -> None:
    for workers in (1, 2):
        shard(data, tmp_path / f"{workers}", size="20kB", workers=workers, to=to)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert len(list((tmp_path / "1").glob(f"*.{to}"))) > 3


def test_a_fit_on_shards_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    shard(data, tmp_path / "out", images=5, workers=1)
    runs = [fit(source, **QUICK, out=tmp_path / f"run-{source.name}") for source in (data, tmp_path / "out")]
    states = [(run.path / "model.safetensors").read_bytes() for run in runs]
    lengths = [int.from_bytes(state[:8], "little") for state in states]
    assert states[0][8 + lengths[0] :] == states[1][8 + lengths[1] :]
    assert read_header(runs[1].path / "model.safetensors")
    splits = [(run.path / "split.csv").read_bytes() for run in runs]
    assert splits[0] == splits[1]
    assert evaluate(runs[0].path, tmp_path / "out").metrics == evaluate(runs[0].path, data).metrics
    assert [one.name for one in find_images(tmp_path / "out")] == [one.name for one in read(data).splits["train"]]
    assert all(isinstance(one, LabelPrediction) for one in predict(runs[0].path, tmp_path / "out"))
    assert evaluate(runs[1].path).images == len(runs[1].path.joinpath("split.csv").read_text().splitlines()) // 5


def test_unreadable_images_are_left_out_and_listed(data: Path, tmp_path: Path) -> None:
    (data / "red" / "0.png").write_bytes((data / "red" / "0.png").read_bytes()[:300])
    (data / "red" / "empty.jpg").touch()
    done = shard(data, tmp_path / "out")
    assert [name for name, _ in done.unreadable] == ["red/0.png", "red/empty.jpg"]
    assert done.images == {"train": 17}
    assert any(line.startswith("left out: red/empty.jpg: the file is empty") for line in done.lines())
    listing = read(tmp_path / "out")
    assert "red/0.png" not in {one.name for one in listing.splits["train"]}
    assert listing.notes == ("2 unreadable images were left out when the shards were written",)
    assert [name for name, _ in shard(data, tmp_path / "out").unreadable] == ["red/0.png", "red/empty.jpg"]


def test_what_was_found_when_they_were_written_need_not_be_read_again(data: Path, tmp_path: Path) -> None:
    shard(data, tmp_path / "out")
    expected = [image.facts for image in check(data).audit.images]
    path = tmp_path / "out" / "train-00000.tar"
    assert [image.facts for image in check(tmp_path / "out").audit.images] == expected
    (tmp_path / "out" / f"{path.name}.facts").unlink()
    module_cache = __import__("plusx.data.formats.shard_table", fromlist=["_facts"])._facts
    module_cache.cache_clear()
    assert [image.facts for image in check(tmp_path / "out").audit.images] == expected


@leaves_files_open
def test_webdataset_reads_them(data: Path, tmp_path: Path) -> None:
    (data / "red" / "two.dots.png").write_bytes((data / "red" / "1.png").read_bytes())
    shard(data, tmp_path / "out", images=7)
    shards = sorted(str(path) for path in (tmp_path / "out").glob("*.tar"))
    found: Any = (
        webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("rgb8").to_tuple("png", "cls")
    )
    theirs = [(image, label) for image, label in found]
    gc.collect()
    ours = read(data)
    assert [label for _, label in theirs] == [one.target.index for one in ours.splits["train"]]  # type: ignore[union-attr]
    for (image, _), sample in zip(theirs, ours.splits["train"], strict=True):
        assert isinstance(sample.image, Path)
        np.testing.assert_array_equal(image, np.asarray(Image.open(sample.image)))


@leaves_files_open
def test_shards_of_webdataset_itself(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with webdataset.ShardWriter(str(tmp_path / "theirs" / "data-%04d.tar"), maxcount=4, verbose=0) as sink:
        for number in range(10):
            pixels = picture(list(COLOURS.values())[number % 2], number)
            sink.write({"__key__": f"{number:04}", "png": pixels, "cls": number % 2})
    gc.collect()
    listing = read(tmp_path / "theirs", ReadOptions(cache=tmp_path / "kept"))
    assert listing.classes == ("0", "1")
    assert [one.name for one in listing.splits["train"]][:2] == ["0000", "0001"]
    assert len(list((tmp_path / "kept").iterdir())) == 3
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(_bytes(listing.splits["train"][3].image)))), picture(COLOURS["red"], 3)
    )
    assert content(read(tmp_path / "theirs", ReadOptions(cache=tmp_path / "kept"))) == content(listing)
    pattern = tmp_path / "theirs" / "data-{0001..0002}.tar"
    assert len(read(str(pattern)).splits["train"]) == 6
    assert len(read(tmp_path / "theirs" / "data-0000.tar").splits["train"]) == 4


@pytest.mark.parametrize("to", ["tar", "parquet"])
def test_every_kind_of_target_but_one(tmp_path: Path, to: Any) -> None:
    pixels = [picture((40, 200, 40), number) for number in range(4)]
    x = np.stack(pixels)
    sources: dict[str, Any] = {
        "values": (x, np.array([0.5, 1.25, -3.0, 1e-7])),
        "labels": (x, [["a", "b"], ["b"], [], ["c"]]),
        "boxes": boxed.coco(tmp_path / "coco"),
    }
    for name, source in sources.items():
        shard(source, tmp_path / name, images=2, to=to)
        before, after = read(source), read(tmp_path / name)
        assert (after.kind, after.classes) == (before.kind, before.classes)
        for split, samples in before.splits.items():
            assert [(one.name, one.target) for one in after.splits[split]] == [(o.name, o.target) for o in samples]


@pytest.mark.parametrize("to", ["tar", "parquet"])
def test_masks(tmp_path: Path, to: str) -> None:
    for number in range(3):
        for folder, array in (("images", picture((40, 200, 40), number)), ("masks", np.eye(40, 48, dtype=np.uint8))):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array * (1 if folder == "images" else number)).save(
                tmp_path / "data" / folder / f"{number}.png"
            )
    shard(tmp_path / "data", tmp_path / "out", to=to)
    before, after = read(tmp_path / "data"), read(tmp_path / "out")
    assert (after.kind, after.classes) == (before.kind, before.classes) == ("mask", ("0", "1", "2"))
    assert content(after) == content(before)
    for path in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(path) as archive:
            assert archive.getnames()[:2] == ["images/0.png", "images/0.mask.png"]


def test_some_of_the_shards(data: Path, tmp_path: Path) -> None:
    shard(data, tmp_path / "out", images=5, workers=1)
    some = read(tmp_path / "out" / "train-{00000..00001}.tar")
    assert some.classes == ("green", "red", "蓝色")
    assert [one.name for one in some.splits["train"]] == [one.name for one in read(data).splits["train"]][:10]
    with pytest.raises(DataError, match=r"nothing-\*\.tar holds no shards\.json and no \.tar or \.parquet; found "):
        read(tmp_path / "out" / "nothing-*.tar")
    with pytest.raises(DataError, match=r"train-00009\.tar: there is no such file"):
        read(tmp_path / "out" / "train-{00009..00010}.tar")


def test_an_epoch_goes_on_anywhere(tmp_path: Path) -> None:
    shard(colour_folder(tmp_path / "data", per_class=10), tmp_path / "out", images=3, workers=1)
    samples = read(tmp_path / "out").splits["train"]
    order = shuffled(samples, 3)
    assert isinstance(order, Windowed)

    def loader(ranks: Ranks = ALONE) -> Loader:
        batching = Divided(4, order, ranks)
        return Loader(samples, EvalTransform(Input(size=(32, 32))), encode=encoder("label", 3), batching=batching)

    whole = [batch.names for batch in loader().epoch(1)]
    assert sorted(name for names in whole for name in names) == sorted(one.name for one in samples)
    assert [batch.names for batch in loader().epoch(1, start=5)] == whole[5:]
    halves = [[batch.names for batch in loader(Ranks(rank, 2)).epoch(1)] for rank in (0, 1)]
    assert [(*one, *other) for one, other in zip(*halves, strict=True)] == whole


def test_what_a_killed_writer_left_goes(data: Path, tmp_path: Path) -> None:
    shard(data, tmp_path / "out", images=20, workers=1)
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    for name in (".train-00000.abcdefgh.tar", ".train-00000.tar.abcdefgh.index", ".shards.abcdefgh.json"):
        (tmp_path / "out" / name).write_bytes(bytes(9))
    shard(data, tmp_path / "out", images=20, workers=1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


def test_places_that_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data/shards lies inside of the data, .*, into which plusx never writes"):
        shard(data, data / "shards")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").touch()
    with pytest.raises(InputError, match=r"mine is not empty and holds no shards of plusx\. Give another directory"):
        shard(data, tmp_path / "mine")
    shard(data, tmp_path / "out", images=5)
    with pytest.raises(InputError, match=r"out holds shards of other data, or of the same with other settings"):
        shard(data, tmp_path / "out", images=6)
    with pytest.raises(InputError, match=r"size 'big': expected a number and a unit, at least 1kB, such as 256MB"):
        shard(data, tmp_path / "new", size="big")
    assert not (data / "shards").exists()


def test_damaged_shards_are_said_and_written_again(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shard(data, out, images=5)
    whole = files(out)
    path = out / "train-00001.tar"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-00001\.tar has \d+ bytes; expected \d+ bytes\. Copy the shard again"):
        read(out)
    path.unlink()
    with pytest.raises(DataError, match=r"train-00001\.tar is not there; expected"):
        read(out)
    damaged = bytearray(whole["train-00000.tar"])
    damaged[700] ^= 1
    (out / "train-00000.tar").write_bytes(damaged)
    path.write_bytes(whole["train-00001.tar"])
    with pytest.raises(DataError, match=r"train-00000\.tar is damaged: its content is not what shards\.json says"):
        check(out)
    assert shard(data, out, images=5).kept == 3
    assert files(out) == whole
    check(out)


def test_an_interrupted_writing_goes_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(*given: Any) -> Any:
        for number, done in enumerate(before(*given)):
            if number == 2:
                raise KeyboardInterrupt
            yield done

    before = module.write_all
    monkeypatch.setattr(module, "write_all", two)
    with pytest.raises(InterruptedRunError, match=r"Stopped with 2 of 4 shards written .* The same command goes on"):
        shard(data, tmp_path / "out", images=5, workers=1)
    with pytest.raises(DataError, match=r"the shards are not finished\. Go on with `plusx shard`"):
        read(tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))
    assert shard(data, tmp_path / "out", images=5, workers=1).kept >= 2
    shard(data, tmp_path / "other", images=5, workers=1)
    assert files(tmp_path / "out") == files(tmp_path / "other")


def test_control_c_in_the_shell(tmp_path: Path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(30):
            Image.fromarray(large).save(tmp_path / "data" / name / f"{number}.png", compress_level=0)
    command = [sys.executable, "-m", "plusx", "shard", "data", "out", "--images", "5", "--workers", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("*.index")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was quicker than the interrupt")
    assert process.returncode == 130
    assert "of 12 shards written to out. The same command goes on from there." in said
    assert "Traceback" not in said
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.endswith(".tar") and path.name[0] == "."]


def test_in_the_shell(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shard", str(data), str(tmp_path / "out"), "--images", "9", "--workers", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"train: 18 images\nWritten to {tmp_path / 'out'}: 2 shards, ")
    assert main(["shard", str(data)]) == 2
    assert "OUT is missing: directory for the shards" in capsys.readouterr().err
