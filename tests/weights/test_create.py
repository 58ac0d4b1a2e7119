"""Models by name: which weights are meant, what becomes of head and first convolution, and what is said about it."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from plusx.backbones.catalogue import card
from plusx.backbones.create import build
from plusx.core.card import Card, Source
from plusx.core.errors import InputError, OfflineError, WeightsError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.create import card_for, check_model, create_backbone, create_model, list_models
from plusx.weights.export_keys import save_as
from plusx.weights.modelfile import save_model
from plusx.weights.vocabularies import vocabulary

CLASSES = ("rose", "tulip", "daisy")
IMAGENET = "resnet18.tv_in1k_v1"
FIRST = "backbone.conv1.conv.weight"
FIRST = "backbone.conv1.conv.weight"


@pytest.fixture
def model_file(tmp_path: Path, randomise: Callable[[nn.Module], nn.Module]) -> tuple[Path, Task]:
    """A model file of resnet20 with three classes, and its task."""
    task = tasks.create("classify", build("resnet20", shortcut="B"), {"classes": CLASSES, "label_smoothing": 0.1})
    randomise(task)
    built = Card("flowers", "resnet20", build={"shortcut": "B"}, classes=CLASSES)
    save_model(tmp_path / "model.safetensors", task, built)
    return tmp_path / "model.safetensors", task


@pytest.fixture
def imagenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """Random weights where the file of `IMAGENET` would be looked for, and their task."""
    task = create_model("resnet18")
    save_as(tmp_path / f"{IMAGENET}.pth", task, "torchvision")
    monkeypatch.setenv("PLUSX_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("plusx.weights.download._other_digest", lambda card, path: None)
    return task.eval()


def same_backbone(found: nn.Module, expected: nn.Module) -> bool:
    theirs = expected.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in found.state_dict().items())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "plusx"]


def test_names() -> None:
    assert list_models("resnet5*") == ["resnet50", "resnet50_d", "resnet50_v1", "resnet50_v2", "resnet56"]
    assert "resnet50.a1_in1k" in list_models("resnet50.*")
    assert len(list_models()) > 20


@pytest.mark.parametrize("name", ["resnet18", "resnet18_v2", "resnet20", "plain18", "resnext50_32x4d"])
def test_random_weights(name: str) -> None:
    model = create_model(name, classes=7).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_without_weights_nothing_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    assert card_for("resnet50") is None
    create_model("resnet20", classes=3, in_channels=1)
    assert said(caplog) == []


@pytest.mark.parametrize(
    ("name", "weights", "found"),
    [
        ("resnet50.a1_in1k", None, "resnet50.a1_in1k"),
        ("resnet50.a1_in1k", "imagenet", "resnet50.a1_in1k"),
        ("resnet50", "a1_in1k", "resnet50.a1_in1k"),
        ("resnet50", "resnet50.a1_in1k", "resnet50.a1_in1k"),
        ("resnet50.a2_in1k", "a1_in1k", "resnet50.a1_in1k"),
        ("resnet50", "keras_in1k", "resnet50.keras_in1k"),
        ("resnet50_v1", "keras_in1k", "resnet50.keras_in1k"),
        ("resnet50_v2", "keras_in1k", "resnet50_v2.keras_in1k"),
    ],
)
def test_which_card_is_meant(name: str, weights: str | None, found: str) -> None:
    assert card_for(name, weights) == card(found)


def test_imagenet_means_the_best_permissive_card() -> None:
    best = card_for("resnet50", "imagenet")
    assert best is not None
    assert best.permissive
    assert best.architecture == "resnet50"


def test_unknown_names() -> None:
    with pytest.raises(InputError, match=r"Unknown model 'resnet49'\. Did you mean"):
        create_model("resnet49")
    with pytest.raises(
        InputError, match=r"Unknown weights 'a9_in1k' for resnet50: neither a file nor a card\. Known: r"
    ):
        create_model("resnet50", weights="a9_in1k")
    with pytest.raises(InputError, match=r"for resnet50: neither a file nor a card\. Known: resnet50\.a\d_in1k"):
        create_model("resnet50", weights="resnet50.a9_in1k")
    with pytest.raises(InputError, match=r"Unknown weights 'resnet50\.a9_in1k'\. Did you mean resnet50\.a\d_in1k"):
        create_model("resnet50.a9_in1k")
    with pytest.raises(
        InputError, match=r"The weights resnet18\.a1_in1k are not for resnet50\. Name resnet18\.a1_in1k as the model"
    ):
        create_model("resnet50", weights="resnet18.a1_in1k")
    with pytest.raises(InputError, match=r"for plain18: neither a file nor a card\. Known: no published weights\."):
        create_model("plain18", weights="a1_in1k")
    with pytest.raises(WeightsError, match=r"runs/model\.pth cannot be read: No such file"):
        create_model("resnet50", weights="runs/model.pth")


def test_weights_that_are_no_name_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights is True; expected the name of a card, a tag, 'imagenet', or a file"):
        create_model("resnet50", weights=True)  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(InputError, match=r"weights is the address https://x\.org/a\.pth; download the file"):
        create_model("resnet50", weights="https://x.org/a.pth")
    with pytest.raises(WeightsError, match=r"is a directory\. Name the file in it, such as .*/model\.safetensors\."):
        create_model("resnet50", weights=tmp_path)


def test_the_words_of_other_libraries() -> None:
    with pytest.raises(InputError, match="Unknown setting 'num_classes': here it is classes"):
        create_model("resnet50", num_classes=10)
    with pytest.raises(
        InputError, match="Unknown setting 'pretrained': here it is weights=\"imagenet\", or a card's name"
    ):
        create_model("resnet50", pretrained=True)
    with pytest.raises(InputError, match="Unknown setting 'in_chans': here it is in_channels"):
        create_backbone("resnet50", in_chans=1)


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(
        OfflineError, match=r"resnet50\.a1_in1k could not be .* put it here: .*resnet50\.a1_in1k\.safet"
    ):
        create_model("resnet50.a1_in1k")


def test_card_brings_its_classes(imagenet: Task, images: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    model = create_model(IMAGENET).eval()
    assert tuple(model.config()["classes"]) == vocabulary("imagenet-1k")
    assert torch.equal(model(images), imagenet(images))
    assert said(caplog) == []


def test_other_classes_replace_the_head_and_say_so(imagenet: Task, caplog: pytest.LogCaptureFixture) -> None:
    for classes in (3, CLASSES, [f"own {number}" for number in range(1000)]):
        model = create_model("resnet18", weights="tv_in1k_v1", classes=classes)
        assert same_backbone(model.backbone, imagenet.backbone)
        assert not torch.equal(model.state_dict()["head.fc.bias"][:3], imagenet.state_dict()["head.fc.bias"][:3])
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert said(caplog)[0] == "resnet18: new untrained head for 3 classes; the weights have 1000 of their own"


def test_other_tasks_replace_the_head(imagenet: Task, caplog: pytest.LogCaptureFixture) -> None:
    multilabel = create_model("resnet18", task="multilabel", weights="tv_in1k_v1", classes=1000)
    regress = create_model("resnet18", task="regress", weights="tv_in1k_v1", classes=["age"])
    assert same_backbone(multilabel.backbone, imagenet.backbone)
    assert same_backbone(regress.backbone, imagenet.backbone)
    assert said(caplog)[1] == "resnet18: new untrained head for 1 columns; the weights have 1000 of their own"


def test_local_file_without_card_keeps_its_head_for_as_many_classes(imagenet: Task, tmp_path: Path) -> None:
    path = str(tmp_path / f"{IMAGENET}.pth")
    names = [f"own {number}" for number in range(1000)]
    model = create_model("resnet18", weights=path, classes=names)
    assert model.config()["classes"] == names
    assert torch.equal(model.state_dict()["head.fc.bias"], imagenet.state_dict()["head.fc.bias"])
    found = card_for("resnet18", path)
    assert found == Card(f"{IMAGENET}.pth", "resnet18", source=Source("torchvision", filename=f"{IMAGENET}.pth"))


def test_card_named_for_a_local_file(imagenet: Task, tmp_path: Path) -> None:
    (tmp_path / f"{IMAGENET}.pth").rename(tmp_path / "mine.pth")
    found = card_for(IMAGENET, str(tmp_path / "mine.pth"))
    assert found is not None
    assert (found.input, found.source.filename, dict(found.metrics)) == (card(IMAGENET).input, "mine.pth", {})


def test_model_file_keeps_head_and_settings(model_file: tuple[Path, Task]) -> None:
    path, task = model_file
    for classes in (3, CLASSES):
        model = create_model("resnet20", weights=path, classes=classes)
        assert model.config() == task.config()
        assert same_backbone(model, task)
    found = card_for("resnet20", path)
    assert found is not None
    assert found.name == "flowers"


def test_model_file_with_other_classes(model_file: tuple[Path, Task], caplog: pytest.LogCaptureFixture) -> None:
    path, task = model_file
    model = create_model("resnet20", weights=str(path), classes=["a", "b", "c"])
    assert same_backbone(model.backbone, task.backbone)
    assert said(caplog) == ["resnet20: new untrained head for 3 classes; the weights have 3 of their own"]


def test_model_file_of_another_architecture(model_file: tuple[Path, Task]) -> None:
    with pytest.raises(
        InputError,
        match=r"model\.safetensors holds resnet20, not resnet50\. Ask for resnet20 \(in the shell: --model resnet20\)",
    ):
        create_model("resnet50", weights=str(model_file[0]))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels(
    channels: int, model_file: tuple[Path, Task], distance: Callable[[Tensor, Tensor], float]
) -> None:
    path, task = model_file
    ours = create_model("resnet20", weights=path, classes=3, in_channels=channels).state_dict()[FIRST]
    theirs = task.state_dict()[FIRST]
    assert ours.shape == (16, channels, 3, 3)
    if channels == 1:  # a grey image gives what its three copies gave
        assert distance(ours[:, 0], theirs.sum(dim=1)) <= 1e-6
    else:
        assert distance(ours[:, 1], theirs[:, 1] * 3 / channels) <= 1e-6
        assert torch.equal(ours[:, -1], ours[:, (channels - 1) % 3])


def test_other_channels_are_said(model_file: tuple[Path, Task], caplog: pytest.LogCaptureFixture) -> None:
    create_backbone("resnet20", weights=str(model_file[0]), in_channels=1)
    assert said(caplog) == [f"{model_file[0]}: the first convolution was made for 3 channels, adapted to 1"]


def test_backbone_alone(model_file: tuple[Path, Task], caplog: pytest.LogCaptureFixture) -> None:
    path, task = model_file
    backbone = create_backbone("resnet20", weights=str(path), output_stride=8)
    assert same_backbone(backbone, task.backbone)
    assert said(caplog) == []


def test_nothing_is_loaded_in_part(tmp_path: Path) -> None:
    tensors = {name: tensor.double() for name, tensor in create_model("resnet20", classes=3).state_dict().items()}
    tensors["backbone.conv1.norm.bias"] = torch.zeros(17, dtype=torch.float64)
    tensors["ema"] = tensors.pop("head.fc.bias")
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"w\.safetensors does not fit resnet20; nothing was loaded") as error:
        create_model("resnet20", classes=3, weights=str(tmp_path / "w.safetensors"))
    missing, unexpected, shapes, dtypes = str(error.value).splitlines()[1:5]
    assert missing == "  missing in the file (1): head.fc.bias"
    assert unexpected == "  unexpected in the file (1): ema"
    assert shapes == "  shape differs (1): backbone.conv1.norm.bias ((16,) expected, (17,) found)"
    assert dtypes.startswith("  dtype differs (115): backbone.conv1.conv.weight (torch.float32 expected, torch.float64")
    assert str(error.value).endswith("\nThey are those of no other architecture of plusx. Take another file.")


def test_what_a_file_for_which_all_fits_but_the_dtype_needs(tmp_path: Path) -> None:
    save_file(create_model("resnet20", classes=3).double().state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"\nIts layers are those of resnet20; mend what is listed, or take another"):
        create_model("resnet20", classes=3, weights=tmp_path / "w.safetensors")


def test_a_misfit_is_said_before_anything_is_built(model_file: tuple[Path, Task], tmp_path: Path) -> None:
    save_file(create_model("resnet20", classes=3).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit resnet32; nothing was loaded.*\n.*missing in the file"):
        check_model("resnet32", tmp_path / "w.safetensors")
    with pytest.raises(
        WeightsError, match=r"^The weights resnet18\.a1_in1k do not fit resnet18 with small_input=True; "
    ):
        check_model("resnet18.a1_in1k", small_input=True)
    with pytest.raises(InputError, match=r"Unknown setting of resnet18 'small_inputs'"):
        check_model("resnet18", small_inputs=True)
    check_model("resnet20", model_file[0])
    check_model("resnet18.a1_in1k")
    check_model("resnet18", small_input=True)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    half = create_model("resnet20", classes=3).half()
    save_file(half.state_dict(), tmp_path / "w.safetensors")
    model = create_model("resnet20", classes=3, weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(model.state_dict()["head.fc.weight"], half.state_dict()["head.fc.weight"].float())


def test_other_networks(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "vgg.safetensors")
    with pytest.raises(
        WeightsError, match=r"holds a network that plusx does not know \(its tensors: features\.0\.weig"
    ):
        create_model("resnet18", weights=str(tmp_path / "vgg.safetensors"))


def test_classes_that_make_no_sense() -> None:
    with pytest.raises(InputError, match=r"classes is 0; expected their number, 1 or more, or their names"):
        create_model("resnet20", classes=0)
    with pytest.raises(InputError, match=r"classes is 2\.0; expected a whole number or a list of names"):
        create_model("resnet20", classes=2.0)  # pyrefly: ignore[bad-argument-type]
    assert len(create_model("resnet20", classes=np.int64(3)).config()["classes"]) == 3  # pyrefly: ignore
    with pytest.raises(InputError, match=r"classes is the text 'cat'; expected a number or a list of names"):
        create_model("resnet20", classes="cat")


def test_a_file_of_another_library_under_a_card(imagenet: Task, tmp_path: Path) -> None:
    path = str(tmp_path / f"{IMAGENET}.pth")
    with pytest.raises(InputError, match=r"is named as torchvision does; resnet50\.keras_in1k was published by keras"):
        create_model("resnet50.keras_in1k", weights=path)


def test_output_stride_of_a_whole_model() -> None:
    model = create_model("resnet18", classes=2, output_stride=8).eval()
    assert model.backbone.stages[-1].stride == 8
    with pytest.raises(InputError, match="output_stride is 4; expected 8, 16 or 32"):
        create_model("resnet18", output_stride=4)
