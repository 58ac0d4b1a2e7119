"""No file is kept that disagrees with its model: both ways, with files that really are wrong."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from plusx.core.card import Card
from plusx.core.errors import DisagreementError, InputError, StorageError
from plusx.core.task import Task
from plusx.data.images import read_image
from plusx.deploy import agreement
from plusx.deploy.agreement import Agreement, compare, export_agreeing
from plusx.deploy.decoding import decoding_of
from plusx.deploy.export import Format, export
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.tasks.create import create

DATA = Path(__file__).parents[2].parent / "shared" / "data"
Models = Callable[[str], Any]
Files = Callable[[str], Path]
TASKS = ["classify", "multilabel", "regress"]
DECISIONS = {
    "classify": "most probable class",
    "multilabel": "set of labels",
    "regress": "values within 0.001 of their spread",
}


def images(model: Any, count: int = 12) -> Iterator[NDArray[np.uint8]]:
    """Three sizes in turn."""
    for seed in range(count):
        yield model.image(*[(40, 60), (64, 50), (8, 8)][seed % 3], seed)


def copied(file: Path, directory: Path) -> Path:
    return Path(shutil.copy(file, directory / file.name))


def with_other_mean(file: Path, shift: NDArray[np.float32]) -> None:
    """The file as an exporter would write it that had taken another card's mean."""
    content = onnx.load(file)
    found = [t for t in content.graph.initializer if np.array_equal(numpy_helper.to_array(t), shift)]
    assert len(found) == 1
    found[0].CopyFrom(numpy_helper.from_array(shift + np.float32(0.3), found[0].name))
    onnx.save(content, file)


class TestCompare:
    @pytest.mark.parametrize("name", TASKS)
    def test_holds_for_what_was_exported(self, name: str, model: Models, exported: Files, tmp_path: Path) -> None:
        path = copied(exported(name), tmp_path)
        result = compare(model(name).task, model(name).card, path, images(model(name)))
        assert (result.images, result.top1_agreement, result.holds) == (12, 1.0, True)
        assert result.largest_difference < 1e-4
        assert path.exists()
        assert str(result).startswith(f"same {DECISIONS[name]} for 100.00% of 12 images, largest difference ")

    @pytest.mark.parametrize("name", TASKS)
    def test_removes_a_file_with_other_preprocessing(
        self, name: str, model: Models, exported: Files, tmp_path: Path
    ) -> None:
        tiny = model(name)
        path = copied(exported(name), tmp_path)
        mean, std = np.array(tiny.card.input.mean), np.array(tiny.card.input.std)
        with_other_mean(path, (-mean / std).astype(np.float32)[:, None, None])
        with pytest.raises(DisagreementError, match=r"same .* for .* of 12 images, .* at least 99\.5% .* was not kept"):
            compare(tiny.task, tiny.card, path, images(tiny))
        assert list(tmp_path.iterdir()) == []

    def test_removes_a_file_of_other_weights(self, model: Models, exported: Files, tmp_path: Path) -> None:
        path = copied(exported("classify"), tmp_path)
        other: Any = model("classify")
        for parameter in other.task.head.parameters():
            parameter.data.mul_(1.5)
        with pytest.raises(DisagreementError, match="does not give the model's results"):
            compare(other.task, other.card, path, images(other))
        assert not path.exists()

    def test_removes_a_file_of_a_model_that_gives_nan(self, model: Models, exported: Files, tmp_path: Path) -> None:
        path = copied(exported("regress"), tmp_path)
        tiny = model("regress")
        tiny.task.head.fc.bias.data.fill_(float("nan"))
        with pytest.raises(DisagreementError, match="largest difference in units of that spread nan"):
            compare(tiny.task, tiny.card, path, images(tiny))

    def test_looks_at_no_more_images_than_asked(self, model: Models, exported: Files, tmp_path: Path) -> None:
        path = copied(exported("classify"), tmp_path)
        drawn = images(model("classify"), 40)
        assert compare(model("classify").task, model("classify").card, path, drawn, limit=21).images == 21
        assert len(list(drawn)) == 19

    def test_needs_an_image(self, model: Models, exported: Files, tmp_path: Path) -> None:
        path = copied(exported("classify"), tmp_path)
        with pytest.raises(InputError, match="no image to compare"):
            compare(model("classify").task, model("classify").card, path, [])


class TestValuesFarFrom0:
    """A spread of 0.01 around a million: float32 cannot hold it, and beside the mean every error looks small."""

    @pytest.fixture
    def far(self, model: Models) -> Any:
        tiny = model("regress")
        config = {**tiny.task.config(), "mean": [1e6, -1e6], "std": [0.01, 0.01]}
        again = create("regress", tiny.task.backbone, config)
        again.head.load_state_dict(tiny.task.head.state_dict())
        return replace(tiny, task=again)

    def test_agree_to_the_last_digits(self, far: Any, tmp_path: Path) -> None:
        path = tmp_path / "model.onnx"
        result = export_agreeing(far.task, far.card, path, images(far))
        assert result.holds
        assert result.largest_difference < 1e-4
        outputs = OnnxPredictor(path).outputs(far.image(40, 60)[None])
        assert outputs.dtype == np.float64

    def test_a_file_that_is_off_by_one_spread_is_refused(self, far: Any, tmp_path: Path) -> None:
        export(far.task, far.card, tmp_path / "model.onnx")
        other = create("regress", far.task.backbone, {**far.task.config(), "mean": [1e6 + 0.01, -1e6]})
        other.head.load_state_dict(far.task.head.state_dict())
        with pytest.raises(DisagreementError, match=r"same values within 0\.001 of their spread for 0\.00%"):
            compare(other, far.card, tmp_path / "model.onnx", images(far))


class TestAgreement:
    @pytest.mark.parametrize(
        ("top1", "difference", "holds"),
        [
            (1.0, 0.0, True),
            (0.995, 1e-3, True),
            (0.994, 0.0, False),
            (1.0, 1.1e-3, False),
            (1.0, float("nan"), False),
        ],
    )
    def test_limits(self, top1: float, difference: float, holds: bool) -> None:
        assert Agreement(500, top1, difference).holds is holds


class TestExportAgreeing:
    @pytest.fixture
    def exporting_copies(self, exported: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        """Export is tested elsewhere: here it copies a file that was made before."""

        def made(task: Task, card: Card, path: Path, *, to: Format) -> None:
            shutil.copy(exported(task.name), path)

        monkeypatch.setattr(agreement, "export", made)

    @pytest.mark.usefixtures("exporting_copies")
    def test_keeps_what_agrees(self, model: Models, tmp_path: Path) -> None:
        tiny = model("multilabel")
        result = export_agreeing(tiny.task, tiny.card, tmp_path / "model.onnx", images(tiny))
        assert result.holds
        assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]

    @pytest.mark.usefixtures("exporting_copies")
    def test_keeps_nothing_else(self, model: Models, tmp_path: Path) -> None:
        tiny = model("classify")
        (tmp_path / "model.onnx").write_bytes(b"what was there before")
        other = replace(tiny.card, input=replace(tiny.card.input, mean=(0.9, 0.1, 0.5)))
        with pytest.raises(DisagreementError, match=r"model\.onnx was not kept"):
            export_agreeing(tiny.task, other, tmp_path / "model.onnx", images(tiny))
        assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
        assert (tmp_path / "model.onnx").read_bytes() == b"what was there before"

    def test_directory_must_exist(self, model: Models, tmp_path: Path) -> None:
        tiny = model("classify")
        with pytest.raises(StorageError, match=r"none.model\.onnx could not be written: No such file or directory"):
            export_agreeing(tiny.task, tiny.card, tmp_path / "none" / "model.onnx", images(tiny))

    def test_disk_full_names_the_file_asked_for(
        self, model: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(task: Task, card: Card, path: Path, *, to: Format) -> None:
            raise StorageError(f"{path} could not be written: No space left on device.")

        monkeypatch.setattr(agreement, "export", full)
        tiny = model("classify")
        with pytest.raises(StorageError, match=f"^{tmp_path}/model.onnx could not be written: No space left"):
            export_agreeing(tiny.task, tiny.card, tmp_path / "model.onnx", images(tiny))
        assert list(tmp_path.iterdir()) == []

    def test_of_two_files_keeps_both_or_none(self, model: Models, tmp_path: Path) -> None:
        pytest.importorskip("openvino")
        tiny = model("regress")
        path = tmp_path / "model.xml"
        assert export_agreeing(tiny.task, tiny.card, path, images(tiny), to="openvino").holds
        assert {file.name for file in tmp_path.iterdir()} == {"model.xml", "model.bin"}
        tiny.task.head.fc.weight.data.add_(3.0)
        with pytest.raises(DisagreementError):
            compare(tiny.task, tiny.card, path, images(tiny), to="openvino")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="needs the shared photos")
@pytest.mark.parametrize("name", ["classify", "multilabel"])
def test_on_photos(name: str, model: Models, exported: Files, tmp_path: Path) -> None:
    path = copied(exported(name), tmp_path)
    files = [*sorted(DATA.glob("clothing/**/*.jpg"))[::8], *sorted(DATA.glob("coco-permissive/**/*.jpg"))[::4]]
    result = compare(model(name).task, model(name).card, path, (read_image(file) for file in files))
    assert result.top1_agreement == 1.0
    assert result.largest_difference < 1e-4


def boxes(*rows: list[float]) -> Any:
    return np.array([[*rows, *[[0.0] * 6] * (3 - len(rows))]], dtype=np.float32)


def test_the_surest_box_counts_whatever_its_score() -> None:
    compare = decoding_of("detect").compare
    faint, elsewhere = [10, 10, 20, 20, 0.05, 1], [50, 10, 60, 20, 0.05, 1]
    (same,), (distance,) = compare(boxes(faint), boxes(faint), {}, (100, 100))
    assert same
    assert distance == 0
    (same,), (distance,) = compare(boxes(faint), boxes(elsewhere), {}, (100, 100))
    assert not same
    assert distance == pytest.approx(0.4)
    (same,), _ = compare(boxes(), boxes(), {}, (100, 100))
    assert same
