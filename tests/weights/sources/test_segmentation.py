"""torchvision's and smp's segmentation networks at random weights through a file: the same logits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torchvision.models import segmentation as torchvision

from plusx.core.errors import WeightsError
from plusx.core.task import Task
from plusx.weights.create import card_for, check_model, create_model

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
NEW: dict[str, Any] = {"weights": None, "weights_backbone": None}


def saved(network: nn.Module, folder: Path) -> Path:
    torch.save(network.state_dict(), folder / "network.pth")
    return folder / "network.pth"


def check_logits(task: Task, network: nn.Module, distance: Distance) -> None:
    images = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = network(images)
        found = task.eval()(images)
    assert distance(found, expected["out"] if isinstance(expected, dict) else expected) <= 1e-5


@pytest.mark.parametrize(
    ("network", "backbone"),
    [
        ("fcn_resnet50", "resnet50"),
        ("deeplabv3_resnet50", "resnet50"),
        pytest.param("fcn_resnet101", "resnet101", marks=pytest.mark.slow),
        pytest.param("deeplabv3_resnet101", "resnet101", marks=pytest.mark.slow),
    ],
)
def test_torchvisions(network: str, backbone: str, tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    """With the auxiliary head, which learns along when training goes on."""
    reference = randomise(getattr(torchvision, network)(**NEW, num_classes=21, aux_loss=True))
    file = saved(reference, tmp_path)
    check_model(backbone, file)
    task = create_model(backbone, task="segment", weights=file)
    assert task.config()["classes"][0::20] == ["background", "tvmonitor"]
    assert task.config()["head"] == network.partition("_")[0]
    card = card_for(backbone, file)
    assert card is not None
    assert (card.input.size, card.input.fit) == ((704, 704), "pad")
    check_logits(task, reference, distance)
    auxiliary = task.get_submodule("head.auxiliary.score").get_parameter("weight")
    assert torch.equal(auxiliary, reference.get_submodule("aux_classifier.4").get_parameter("weight"))


@pytest.mark.parametrize(("network", "head"), [("deeplabv3", "deeplabv3"), ("lraspp", "lraspp")])
def test_torchvisions_on_mobilenet(
    network: str,
    head: str,
    tmp_path: Path,
    randomise: Randomise,
    distance: Distance,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its stages end one block later, and the kernel that had the stride is dilated too."""
    auxiliary = {"aux_loss": True} if network == "deeplabv3" else {}
    reference = randomise(getattr(torchvision, f"{network}_mobilenet_v3_large")(**NEW, num_classes=5, **auxiliary))
    task = create_model("mobilenet_v3_large", task="segment", weights=saved(reference, tmp_path))
    assert task.config()["head"] == head
    assert ("these are left out: the auxiliary head" in caplog.text) == bool(auxiliary)
    check_logits(task, reference, distance)


def test_deeplabv3_plus_of_smp(tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    """As smp builds it by itself. Its logits are resized with corners on corners; here they are compared before."""
    reference = randomise(smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=4))
    task = create_model("resnet18", task="segment", weights=saved(reference, tmp_path)).eval()
    images = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        decoded = reference.get_submodule("decoder")(reference.get_submodule("encoder")(images))
        expected = reference.get_submodule("segmentation_head.0")(decoded)
        assert distance(task.head(task.backbone(images)), expected) <= 1e-5


@pytest.mark.parametrize("classes", [1, 3])
def test_unet_of_smp(classes: int, tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    """One class there is a sigmoid: two here, of which the first has the logit 0."""
    reference = randomise(smp.Unet("resnet18", encoder_weights=None, classes=classes))
    task = create_model("resnet18", task="segment", weights=saved(reference, tmp_path))
    wanted = nn.Sequential(reference, nn.ZeroPad3d((0, 0, 0, 0, 1, 0))) if classes == 1 else reference
    check_logits(task, wanted, distance)


def test_a_unet_of_other_widths_is_refused(tmp_path: Path) -> None:
    reference = smp.Unet("resnet18", encoder_weights=None, decoder_channels=(256, 128, 64, 32, 8))
    with pytest.raises(WeightsError, match=r"nothing was loaded\.\n.*missing|nothing was loaded\.\n  shape differs"):
        create_model("resnet18", task="segment", weights=saved(reference, tmp_path))
