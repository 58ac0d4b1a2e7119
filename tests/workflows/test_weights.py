import hashlib
from pathlib import Path

import pytest
import torch

from plusx.backbones.catalogue import best_card, card
from plusx.core.card import Card, Input
from plusx.core.errors import InputError, OfflineError, WeightsError
from plusx.weights.create import create_model
from plusx.weights.modelfile import save_model
from plusx.workflows.weights import describe_weights


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, and no weights yet."""
    monkeypatch.setenv("PLUSX_WEIGHTS", str(tmp_path / "权重"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model_file(here: Path) -> Path:
    task = create_model("resnet18", classes=["猫", "dog"])
    classes = Card("flowers", "resnet18", input=Input(), classes=("猫", "dog"), metrics={"accuracy": 0.97})
    save_model(here / "model.safetensors", task, classes)
    return here / "model.safetensors"


def test_a_card_says_where_its_file_comes_from_and_where_it_would_be(here: Path) -> None:
    found = describe_weights("resnet50.a1_in1k")
    assert found.path is None
    assert found.facts["from"] == "https://huggingface.co/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
    assert found.facts["licence"] == "Apache-2.0 (free for commercial use)"
    assert found.facts["file"] == (
        f"{here}/权重/resnet50.a1_in1k.safetensors (not here yet: plusx weights resnet50.a1_in1k --download)"
    )


def test_lines_are_a_headline_and_aligned_facts() -> None:
    lines = list(describe_weights("resnet18.tv_in1k_v1").lines())
    assert lines[0] == "resnet18.tv_in1k_v1"
    assert "  sha256        f37072fd" in lines


def test_another_directory_is_looked_into(here: Path) -> None:
    name = "resnet50.a1_in1k"
    assert describe_weights(name, weights_dir=here / "x").facts["file"].startswith(f"{here}/x/{name}.safetensors")
    (here / "x").mkdir()
    (here / "x" / f"{name}.safetensors").touch()
    assert describe_weights(name, weights_dir=here / "x").path == here / "x" / f"{name}.safetensors"


def test_an_architecture_means_its_best_free_weights() -> None:
    assert describe_weights("resnet50").name == best_card("resnet50").name
    assert describe_weights("resnet20").name == "resnet20.chenyaofo_cifar10"
    with pytest.raises(InputError, match=r"plain18 has no published weights; train it from scratch\."):
        describe_weights("plain18")


def test_without_network_the_file_and_its_place_are_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        OfflineError, match=r"could not be downloaded.*put it here: .*权重/resnet50\.a1_in1k\.safetensors"
    ):
        describe_weights("resnet50.a1_in1k", download=True)


def test_a_file_with_another_digest_is_not_converted(here: Path) -> None:
    (here / "权重").mkdir()
    (here / "权重" / "resnet18.tv_in1k_v1.pth").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=f"has sha256 {hashlib.sha256(b'something else').hexdigest()}; resnet18"):
        describe_weights("resnet18.tv_in1k_v1", to="timm", out=here / "out.safetensors")


def test_a_model_file_says_what_it_holds(model_file: Path) -> None:
    facts = describe_weights(model_file).facts
    assert (facts["layout"], facts["task"], facts["architecture"]) == ("plusx", "classify", "resnet18")
    assert (facts["outputs"], facts["classes"], facts["measured"]) == ("2", "猫, dog", "accuracy 0.97")
    assert facts["tensors"] == "122, 11.2M numbers"


def test_a_run_is_its_model_file(model_file: Path) -> None:
    assert describe_weights(model_file.parent).path == model_file
    assert describe_weights(str(model_file.parent)).name == str(model_file)


def test_a_file_of_torchvision_is_recognised(here: Path) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=7).state_dict(), here / "a.pth")
    facts = describe_weights("a.pth").facts
    assert (facts["layout"], facts["outputs"]) == ("torchvision", "7")


def test_a_model_is_written_for_another_library_which_loads_it(model_file: Path, here: Path) -> None:
    from torchvision.models import resnet18

    found = describe_weights(model_file, to="torchvision", out=here / "t.pth")
    assert found.facts["written"] == f"{here}/t.pth, for torchvision's resnet18 with num_classes=2"
    resnet18(num_classes=2).load_state_dict(torch.load(here / "t.pth", weights_only=True), strict=True)


def test_a_model_of_grey_images_is_written_for_timm(here: Path) -> None:
    import timm

    grey = Card("grey", "resnet18", input=Input(mean=(0.5,), std=(0.5,), order="L"), classes=("a", "b"))
    save_model(here / "grey.safetensors", create_model("resnet18", classes=["a", "b"], in_channels=1), grey)
    found = describe_weights("grey.safetensors", to="timm", out=here / "t.pth")
    assert found.facts["written"] == f"{here}/t.pth, for timm's resnet18 with num_classes=2, in_chans=1"
    model = timm.create_model("resnet18", num_classes=2, in_chans=1)
    model.load_state_dict(torch.load(here / "t.pth", weights_only=True), strict=True)


def test_a_setting_that_the_other_library_lacks_is_named(here: Path) -> None:
    small = Card("small", "resnet18", {"small_input": True}, classes=("a", "b"))
    save_model(here / "small.safetensors", create_model("resnet18", classes=["a", "b"], small_input=True), small)
    with pytest.raises(WeightsError, match="\n  small_input is True here, False there\n"):
        describe_weights("small.safetensors", to="torchvision", out=here / "t.pth")
    assert not (here / "t.pth").exists()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])  # the second one's layers look the same in print
def test_a_network_that_blurs_is_none_of_torchvisions(name: str, here: Path) -> None:
    blurred = Card("blurred", name, {"blur_pool": True}, classes=("a", "b"))
    save_model(here / "blurred.safetensors", create_model(name, classes=["a", "b"], blur_pool=True), blurred)
    with pytest.raises(WeightsError, match="\n  blur_pool is True here, False there\n"):
        describe_weights("blurred.safetensors", to="torchvision", out=here / "t.pth")
    assert not (here / "t.pth").exists()


def test_published_weights_are_converted_once_they_are_here(here: Path) -> None:
    published = card("resnet20.chenyaofo_cifar10")
    assert published.source.layout == "cifar"
    with pytest.raises(OfflineError, match="resnet20"):
        describe_weights(published.name, to="timm", out=here / "x.safetensors")


def test_other_libraries_files_do_not_say_their_architecture(here: Path) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=7).state_dict(), here / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth does not say which architecture it holds"):
        describe_weights("a.pth", to="timm", out=here / "b.safetensors")


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("没有.pth", {}, r"没有\.pth does not exist\. Give a file, a run directory or a name"),
        ("runs/none", {}, r"runs/none does not exist"),
        ("权重", {}, r"权重 is not a run directory: it has neither settings\.json nor model\.safetensors"),
        ("resnt50", {}, r"Unknown model 'resnt50'\. Did you mean resnet50, "),
        ("resnet50.a1", {}, r"Unknown weights 'resnet50\.a1'\. Did you mean resnet50\.a1_in1k, "),
        ("resnet50", {"to": "timm"}, "`to` and `out` belong together"),
        ("resnet50", {"out": "x"}, "`to` and `out` belong together"),
        ("resnet50", {"to": "keras", "out": "x"}, "to: found 'keras', expected one of torchvision, timm or none"),
        ("resnet50", {"to": "timm", "out": "权重"}, "权重 exists. Give another --out, or delete it"),
    ],
)
def test_what_cannot_be_described_or_written(name: str, settings: dict[str, str], text: str, here: Path) -> None:
    (here / "权重").mkdir()
    with pytest.raises(InputError, match=text):
        describe_weights(name, **settings)


def test_a_file_that_is_here_cannot_be_downloaded(model_file: Path) -> None:
    with pytest.raises(InputError, match="is here already; --download is for names such as resnet50"):
        describe_weights(model_file, download=True)


def test_a_file_that_holds_no_weights_is_refused(here: Path) -> None:
    (here / "a.pth").write_text("<!doctype html>")
    with pytest.raises(WeightsError, match=r"a\.pth is no weights file: it is a web page"):
        describe_weights("a.pth")
