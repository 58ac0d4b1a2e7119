"""Boxes and masks through all verbs, on pictures of squares."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import plusx
from plusx.backbones.create import build
from plusx.cli import results
from plusx.core.card import Card, Input
from plusx.core.errors import DataError, InputError
from plusx.core.prediction import BoxesPrediction, MaskPrediction, MasksPrediction
from plusx.data.augment.combine import InTurn
from plusx.tasks.create import create
from plusx.weights.modelfile import save_model
from plusx.workflows.building import design, design_again
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import training_batches
from plusx.workflows.predict import predict, predict_to_text
from plusx.workflows.preparation import read_listing
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.task_settings import task_config

QUICK: dict[str, Any] = {"device": "cpu", "precision": "fp32", "compile": "no", "workers": 0, "image_size": 64}
SIDES = ((48, 64), (64, 40), (50, 50), (70, 64))


def pictures(folder: Path, count: int = 8) -> list[tuple[str, tuple[int, int], tuple[int, int, int, int]]]:
    """Grey pictures of several sizes with one bright square each: (name, (height, width), corners)."""
    folder.mkdir(parents=True)
    rng, made = np.random.default_rng(0), []
    for number in range(count):
        height, width = SIDES[number % len(SIDES)]
        x, y, side = (int(v) for v in rng.integers((4, 4, 16), (16, 16, 24)))
        pixels = rng.integers(60, 90, (height, width, 3), dtype=np.uint8)
        pixels[y : y + side, x : x + side] = (230, 200, 40)
        Image.fromarray(pixels).save(folder / f"图 {number}.png")
        made.append((f"图 {number}.png", (height, width), (x, y, x + side, y + side)))
    return made


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("masks") / "squares"
    made = pictures(root / "images")
    (root / "masks").mkdir()
    for name, size, (x1, y1, x2, y2) in made:
        mask = np.zeros(size, np.uint8)
        mask[y1:y2, x1:x2] = 1
        Image.fromarray(mask).save(root / "masks" / name)
    return root


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("boxes") / "squares"
    made = pictures(root / "images")
    rows = [f"images/{name},{x1},{y1},{x2},{y2},square" for name, _, (x1, y1, x2, y2) in made]
    (root / "boxes.csv").write_text("\n".join(["image,x1,y1,x2,y2,label", *rows]), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def segmented(masks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "segment"
    fit(masks, task="segment", head="fcn", model="resnet20", epochs=2, batch_size=4, out=out, **QUICK)
    return out


@pytest.fixture(scope="module")
def detected(boxes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "detect"
    fit(boxes / "boxes.csv", model="shufflenet_v2_x0_5", epochs=2, batch_size=4, out=out, **QUICK)
    return out


@pytest.fixture(scope="module")
def layered(masks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two classes that overlap: the square, and the left half of the picture."""
    root = tmp_path_factory.mktemp("layers") / "data"
    shutil.copytree(masks / "images", root / "images")
    shutil.copytree(masks / "masks", root / "masks" / "square")
    (root / "masks" / "左").mkdir()
    for path in (masks / "masks").iterdir():
        left = np.zeros_like(np.array(Image.open(path)))
        left[:, : left.shape[1] // 2] = 255
        Image.fromarray(left).save(root / "masks" / "左" / path.name)
    words: dict[str, Any] = {"head": "unet", "model": "resnet20", "losses": ("cross-entropy", "dice")}
    return fit(root, epochs=2, batch_size=4, out=root.parent / "run", **words, **QUICK).path


def test_classes_that_overlap_through_all_verbs(
    layered: Path, masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = json.loads((layered / "settings.json").read_text())["task"]
    assert (saved["name"], saved["classes"], saved["losses"]) == (
        "multilabel-segment",
        ["square", "左"],
        ["cross-entropy", "dice"],
    )
    exported, direct = (list(predict(layered, masks / "images", runtime=runtime)) for runtime in ("onnx", "torch"))
    for a, b in zip(exported, direct, strict=True):
        assert isinstance(a, MasksPrediction)
        assert isinstance(b, MasksPrediction)
        with Image.open(masks / "images" / Path(a.name).name) as picture:
            assert a.masks.shape == (2, picture.height, picture.width)
        assert a.masks.dtype == np.bool_
        assert (a.masks != b.masks).mean() <= 1e-3
    metrics = json.loads((layered / "metrics.json").read_text())
    measured = plusx.evaluate(layered, layered.parent / "data", split="all", workers=0)
    assert {"miou", "dice", "pixel-accuracy"} <= metrics.keys()
    assert measured.metrics["pixel-accuracy"] > 0.5
    image = str(masks / "images" / "图 0.png")
    for form in ("table", "csv", "json"):
        assert predict_to_text(layered, [image], format=form, save=tmp_path / form) == 0
    assert "shares" in json.loads(capsys.readouterr().out.splitlines()[-1])
    names = {"图 0.png", "图 0.square.mask.png", "图 0.左.mask.png"}
    assert {path.name for path in (tmp_path / "json").iterdir()} == names


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_masks_are_as_large_as_their_images(segmented: Path, masks: Path, runtime: Any) -> None:
    found = list(predict(segmented, masks / "images", runtime=runtime))
    assert len(found) == 8
    for one in found:
        assert isinstance(one, MaskPrediction)
        with Image.open(masks / "images" / Path(one.name).name) as picture:
            assert one.mask.shape == (picture.height, picture.width)
        assert one.classes == ("background", "foreground")


def test_both_runtimes_see_the_same_pixels(segmented: Path, masks: Path) -> None:
    for a, b in zip(*(predict(segmented, masks / "images", runtime=r) for r in ("onnx", "torch")), strict=True):
        assert isinstance(a, MaskPrediction)
        assert isinstance(b, MaskPrediction)
        assert (a.mask != b.mask).mean() <= 1e-3


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_masks_in_windows(segmented: Path, masks: Path, runtime: Any) -> None:
    tiles: tuple[Any, ...] = ("whole", "auto", "32")
    whole, auto, cut = ([*predict(segmented, masks / "images", runtime=runtime, tile=tile)] for tile in tiles)
    whole, auto, cut = ([one.mask for one in found if isinstance(one, MaskPrediction)] for found in (whole, auto, cut))
    assert len(whole) == len(auto) == 8
    assert all(np.array_equal(a, b) for a, b in zip(whole, auto, strict=True))  # none is larger than those of training
    assert [mask.shape for mask in cut] == [mask.shape for mask in whole]
    assert not all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))
    large = np.zeros((150, 200, 3), np.uint8)
    model = plusx.load(segmented, runtime=runtime)
    assert np.array_equal(model.predict(large)[0].mask, model.predict(large, tile=70)[0].mask)
    with pytest.raises(InputError, match="overlap: found 1, expected less than 1"):
        model.predict(large, overlap=1)


def test_scores_in_windows_are_those_of_predictions(segmented: Path, detected: Path, masks: Path) -> None:
    found = plusx.evaluate(segmented, split="all", workers=0, tile=32)
    right = pixels = 0
    for one in predict(segmented, masks / "images", tile=32, runtime="torch"):
        assert isinstance(one, MaskPrediction)
        with Image.open(masks / "masks" / Path(one.name).name) as truth:
            right += int((np.asarray(truth) == one.mask).sum())
        pixels += one.mask.size
    assert found.metrics["pixel-accuracy"] == pytest.approx(right / pixels, abs=1e-12)
    with pytest.raises(
        InputError, match=r"--tile cuts images into windows for masks of one class a pixel; .* task is detect"
    ):
        plusx.evaluate(detected, split="val", workers=0, tile=32)


def test_the_threshold_is_that_of_scores(detected: Path, segmented: Path, boxes: Path) -> None:
    list(predict(detected, boxes / "images", threshold=0.05))
    with pytest.raises(InputError, match=r"--threshold 0\.01: the model gives scores from 0\.05 to 1"):
        predict(detected, boxes / "images", threshold=0.01)
    with pytest.raises(InputError, match=r"--threshold is the score of boxes.*the model's task is segment"):
        predict(segmented, boxes / "images", threshold=0.5)


def test_evaluating_a_run_gives_its_metrics(segmented: Path, detected: Path) -> None:
    for run in (segmented, detected):
        saved = json.loads((run / "metrics.json").read_text())
        measured = plusx.evaluate(run, split="val", workers=0)
        assert measured.metrics
        for name, value in measured.metrics.items():
            assert saved[name] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_boxes_lie_in_their_images(detected: Path, boxes: Path, runtime: Any) -> None:
    for one in predict(detected, boxes / "images", runtime=runtime):
        assert isinstance(one, BoxesPrediction)
        with Image.open(boxes / "images" / Path(one.name).name) as picture:
            for box in one.boxes:
                assert 0 <= box.x1 <= box.x2 <= picture.width
                assert 0 <= box.y1 <= box.y2 <= picture.height
                assert box.label == "square"


def test_predictions_as_text_and_pictures(
    detected: Path, segmented: Path, boxes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(boxes / "images" / "图 0.png")
    for run, key in ((detected, "boxes"), (segmented, "shares")):
        assert predict_to_text(run, [image], format="json", save=tmp_path / key) == 0
        assert key in json.loads(capsys.readouterr().out)
        assert predict_to_text(run, [image], format="table") == 0
        assert predict_to_text(run, [image], format="csv") == 0
        assert capsys.readouterr().out
    assert {path.name for path in (tmp_path / "shares").iterdir()} == {"图 0.png", "图 0.mask.png"}
    assert {path.name for path in (tmp_path / "boxes").iterdir()} == {"图 0.png"}


def test_reports_show_examples(detected: Path, segmented: Path) -> None:
    for run, title in ((detected, "Most missed"), (segmented, "Worst")):
        page = (run / "report.html").read_text(encoding="utf-8")
        gallery = page.split(f"<h3>{title}</h3>")[1].split("</ol>")[0]
        assert "data:image/jpeg;base64," in gallery
        assert "no picture" not in gallery
    assert "Not defined on the validation images, since no true box has that size" in (
        (detected / "report.html").read_text(encoding="utf-8")
    )


def test_data_without_a_box_to_find_say_so(detected: Path, tmp_path: Path) -> None:
    made = pictures(tmp_path / "images", 2)
    lines = "".join(f"images/{name},,,,,\n" for name, _, _ in made)
    (tmp_path / "boxes.csv").write_text(f"image,x1,y1,x2,y2,label\n{lines}", encoding="utf-8")
    found = plusx.evaluate(detected, tmp_path / "boxes.csv", workers=0)
    assert not found.metrics
    assert "map" in found.details.undefined
    lines = [*results.of_evaluation(found, as_json=False)]
    assert lines[1].startswith("not defined, since none of the 2 images has a box to find")
    assert json.loads(next(results.of_evaluation(found, as_json=True)))["undefined"] == list(found.details.undefined)


def test_a_finished_run_goes_on(boxes: Path, detected: Path) -> None:
    run = fit(resume=detected, epochs=3)
    assert len(run.history) == 3


def test_a_head_of_another_task_is_named_before_the_audit(
    boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plusx.workflows.fit.prepare", None)
    with pytest.raises(InputError, match="--head unet is of the task segment; here it is detect, whose heads are yolo"):
        fit(boxes / "boxes.csv", head="unet", out=tmp_path / "b", **QUICK)


def test_wrong_words_are_named(masks: Path, boxes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Unknown head of the task segment 'unett'"):
        fit(masks, task="segment", head="unett", out=tmp_path / "a", **QUICK)
    with pytest.raises(InputError, match="--image-fit crop would hide parts of the images"):
        fit(masks, task="segment", image_fit="crop", out=tmp_path / "c", **QUICK)


def test_settings_of_other_tasks_are_told(masks: Path, boxes: Path, caplog: pytest.LogCaptureFixture) -> None:
    listing = read_listing(boxes / "boxes.csv", FitSettings())
    with_splits = listing.with_splits({"train": listing.splits["train"], "val": listing.splits["train"]})
    made = design(FitSettings(balance="sampling", recipe="scratch-small", model="shufflenet_v2_x0_5"), with_splits)
    assert "--balance sampling has no effect on boxes and masks" in caplog.text
    assert made.recipe.augment == InTurn()
    labels = replace(with_splits, kind="label")
    task_config("classify", labels, made.recipe, FitSettings(head="yolo"))
    task_config("detect", with_splits, made.recipe, FitSettings(losses=("dice",), auxiliary=True))
    assert "--losses has no effect: the task is detect, which has its own" in caplog.text
    assert "--auxiliary has no effect: the task is detect, not segment" in caplog.text
    assert "--head yolo has no effect: the task is classify, which has one head" in caplog.text
    task_config("segment", with_splits, made.recipe, FitSettings(iou=0.5))
    assert "--iou has no effect: the task is segment, not detect" in caplog.text
    asked = FitSettings(iou=0.5, suppression="soft", head="ssd")
    chosen = {"classes": ["square"], "head": "ssd", "suppression": "soft", "iou": 0.5}
    assert task_config("detect", with_splits, made.recipe, asked) == chosen


def test_touching_objects_losses_and_deep_supervision(masks: Path, tmp_path: Path) -> None:
    """Instance maps with a class where objects touch; other data are read alike."""
    root = tmp_path / "cells"
    (root / "instances").mkdir(parents=True)
    shutil.copytree(masks / "images", root / "images")
    for path in (masks / "masks").iterdir():
        inside = np.array(Image.open(path)).astype(np.uint16)
        middle = (np.arange(inside.shape[1]) > inside.any(axis=0).argmax() + 8).astype(np.uint16)
        Image.fromarray(inside * (300 + middle)).save(root / "instances" / path.name)
    words: dict[str, Any] = {"task": "segment", "head": "fcn", "model": "resnet20", "epochs": 1, "export": False}
    run = fit(
        root, boundary=2, losses=("dice", "cross-entropy"), auxiliary=True, out=tmp_path / "run", **words, **QUICK
    )
    saved = json.loads((run.path / "settings.json").read_text())["task"]
    assert saved["classes"] == ["background", "inside", "boundary"]
    assert (saved["losses"], saved["auxiliary"]) == (["dice", "cross-entropy"], True)
    assert {"train/dice", "train/cross-entropy", "train/auxiliary"} <= run.history[0].keys()
    assert plusx.evaluate(run.path, root, split="all", workers=0).metrics["miou"] >= 0


def test_masks_and_boxes_in_memory(tmp_path: Path) -> None:
    """Arrays with layers, and a list of pairs as a torch data set."""
    made = pictures(tmp_path / "images")
    images = [np.array(Image.open(tmp_path / "images" / name)) for name, _, _ in made]
    boxed = [
        (image, {"boxes": [corners], "labels": ["square"]}) for image, (_, _, corners) in zip(images, made, strict=True)
    ]
    words: dict[str, Any] = {"model": "resnet20", "epochs": 1, "export": False, **QUICK}
    run = fit(boxed, out=tmp_path / "boxes", **words)
    assert run.metrics["map"] >= 0
    whole = np.stack([image[:40, :40] for image in images])
    layers = np.stack([whole[..., 0] > 200, whole[..., 2] < 80], axis=1)
    run = fit((whole, layers), head="unet", out=tmp_path / "layers", **words)
    assert 0 < run.metrics["miou"] <= 1
    assert plusx.evaluate(run.path, (whole, layers), split="all", workers=0).metrics["miou"] > 0


def test_training_with_mosaics_and_mixup(boxes: Path, masks: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": "resnet20", "batch_size": 4, "epochs": 2, "export": False, "mosaic": 0.5, **QUICK}
    run = fit(boxes / "boxes.csv", mixup=0.5, out=tmp_path / "boxes", **asked)
    assert len(run.history) == 2
    assert len(fit(masks, task="segment", head="fcn", out=tmp_path / "masks", **asked).history) == 2
    with pytest.raises(InputError, match=r"mosaic: 0\.5 → 0\.2\. .*Only epochs, "):
        fit(resume=run.path, mosaic=0.2, epochs=3)
    with pytest.raises(InputError, match="mixup of whole images keeps the boxes of both; it has no meaning for 'mask'"):
        fit(masks, task="segment", mixup=0.5, out=tmp_path / "a", **QUICK)
    with pytest.raises(InputError, match=r"mosaic: found 1\.5, expected at most 1\."):
        fit(masks, task="segment", mosaic=1.5, out=tmp_path / "b", **QUICK)


def test_mosaics_end_before_training_does(boxes: Path) -> None:
    listing = read_listing(boxes / "boxes.csv", FitSettings())
    facts = Facts(8, "boxes", 1, 64)
    plain, often = (choose_recipe(FitSettings(epochs=4, mosaic=mosaic, workers=0), facts).recipe for mosaic in (0, 1))
    network = Input(size=(64, 64), fit="pad")
    for epoch in range(4):
        alone, mixed = (
            next(training_batches(listing, network, recipe, FitSettings(workers=0)).epoch(epoch))
            for recipe in (plain, often)
        )
        assert alone.names == mixed.names
        assert torch.equal(alone.images, mixed.images) == (epoch == 3)


def test_mosaics_are_for_what_has_a_place(caplog: pytest.LogCaptureFixture) -> None:
    settings = FitSettings(mosaic=0.5, mixup=0.5)
    assert choose_recipe(settings, Facts(8, "label", 3, 64, pretrained=True)).recipe.mix is None
    assert "--mosaic has no effect: it is for boxes and masks with the recipe dense" in caplog.text
    assert "--mixup has no effect" in caplog.text


@pytest.mark.parametrize(("head", "rate"), [(None, 1e-3), ("ssd", 1e-3), ("rt-detr", 1e-4)])
def test_a_head_has_its_own_rate(boxes: Path, head: str | None, rate: float) -> None:
    listing = read_listing(boxes / "boxes.csv", FitSettings())
    settings = FitSettings(model="shufflenet_v2_x0_5", head=head)
    assert design(settings, listing.with_splits({"train": listing.splits["train"]})).recipe.plan.optimizer.rate == rate


def test_the_weights_head_has_its_rate(boxes: Path, tmp_path: Path) -> None:
    task = create("detect", build("shufflenet_v2_x0_5"), {"classes": ["a"], "head": "rt-detr"})
    save_model(tmp_path / "model.safetensors", task, Card("before", "shufflenet_v2_x0_5", classes=("a",)))
    listing = read_listing(boxes / "boxes.csv", FitSettings())
    settings = FitSettings(model="shufflenet_v2_x0_5", weights=str(tmp_path / "model.safetensors"))
    made = design(settings, listing.with_splits({"train": listing.splits["train"]}))
    assert (made.task.config()["head"], made.recipe.plan.optimizer.rate) == ("rt-detr", 1e-4)


def test_training_goes_on_from_torchvisions_detector(
    boxes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its head, but for the layers of its classes; its ε and its suppression; another head takes the backbone."""
    torch.manual_seed(0)
    theirs = FasterRCNN(resnet_fpn_backbone(backbone_name="resnet18", weights=None), num_classes=4)
    torch.save(theirs.state_dict(), tmp_path / "detector.pth")
    listing = read_listing(boxes / "boxes.csv", FitSettings())
    with_splits = listing.with_splits({"train": listing.splits["train"], "val": listing.splits["train"]})
    settings = FitSettings(model="resnet18", weights=str(tmp_path / "detector.pth"))
    made = design(settings, with_splits)
    assert made.task.config()["head"] == "faster-rcnn"
    assert (made.task.config()["iou"], made.card.input.size) == (0.5, (256, 256))
    kept = made.task.get_parameter("head.roi_heads.box_head.fc6.weight")
    assert torch.equal(kept, theirs.get_parameter("roi_heads.box_head.fc6.weight"))
    assert "new untrained last layers for 1 classes; they have 3 of their own" in caplog.text
    saved = {"card": made.card.to_json(), "start": made.start, "plan": made.recipe.plan.to_json(), "batch_size": 8}
    again = design_again(settings, with_splits, {**saved, "task": {"name": "detect", **made.task.config()}})
    assert again.task.config() == made.task.config()
    other = design(replace(settings, head="yolo"), with_splits)
    assert other.task.config()["head"] == "yolo"
    assert "new untrained head yolo for 1 classes; the weights have the head faster-rcnn of the task" in caplog.text
    before = theirs.get_parameter("backbone.body.layer4.1.conv2.weight")
    for task in (made.task, other.task):
        assert torch.equal(task.backbone.get_parameter("conv5.block2.F.layer2.conv.weight"), before)


def test_training_goes_on_from_a_run_of_another_stride(masks: Path, tmp_path: Path) -> None:
    run = tmp_path / "model.safetensors"
    build_as = {"output_stride": 16}
    task = create("segment", build("resnet20", **build_as), {"classes": ["a", "b", "c"], "head": "fcn"})
    save_model(run, task, Card("before", "resnet20", build=build_as, classes=("a", "b", "c")))
    listing = read_listing(masks, FitSettings(task="segment"))
    with_splits = listing.with_splits({"train": listing.splits["train"], "val": listing.splits["train"]})
    made = design(FitSettings(task="segment", model="resnet20", weights=str(run)), with_splits)
    assert made.task.config()["head"] == "fcn"
    assert made.card.build["output_stride"] == 16
    other = design(FitSettings(task="segment", model="resnet20", weights=str(run), head="fcn32s"), with_splits)
    assert "output_stride" not in other.card.build


def test_without_a_box_there_is_nothing_to_learn(tmp_path: Path) -> None:
    made = pictures(tmp_path / "images")
    rows = [f"images/{name},,,,," for name, _, _ in made]
    (tmp_path / "boxes.csv").write_text("\n".join(["image,x1,y1,x2,y2,label", *rows]), encoding="utf-8")
    with pytest.raises(DataError):
        fit(tmp_path / "boxes.csv", task="detect", out=tmp_path / "run", **QUICK)
