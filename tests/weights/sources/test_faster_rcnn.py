"""torchvision's detectors at random weights through a file: the same detections; its ε and older names too."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection import FasterRCNN as Reference
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_fpn, fasterrcnn_resnet50_fpn_v2
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import batched_nms

from plusx.core.errors import WeightsError
from plusx.core.task import Task
from plusx.weights.create import create_backbone, create_model
from plusx.weights.sources import faster_rcnn

Randomise = Callable[[nn.Module], nn.Module]
SIZE = (96, 128)
TRANSFORM = {"min_size": 96, "max_size": 128, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}


def frozen(name: str, eps: float) -> Reference:
    """As torchvision builds version 1 with weights."""
    model = Reference(resnet_fpn_backbone(backbone_name=name, weights=None), num_classes=6, **TRANSFORM)
    overwrite_eps(model, eps)
    return model


def second() -> Reference:
    return fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=6, **TRANSFORM)


def spread(model: nn.Module) -> nn.Module:
    """Moves and scores of about 1 that differ from place to place; variances so small that ε is seen."""
    generator = torch.Generator().manual_seed(2)
    for name, tensor in model.state_dict().items():
        if name.endswith("bn1.running_var"):
            tensor.mul_(1e-3)
        elif name.endswith("bn1.weight"):
            tensor.mul_(1e-3**0.5)
    with torch.inference_mode():
        maps = model.get_submodule("backbone")(torch.rand(2, 3, *SIZE, generator=generator))
        logits, moves = model.get_submodule("rpn.head")(list(maps.values()))
        cut = model.get_submodule("roi_heads.box_head")(nn.functional.interpolate(maps["0"], (7, 7)))
        scores, finer = model.get_submodule("roi_heads.box_predictor")(cut)
    scale = {"rpn.head.cls_logits": logits[0], "rpn.head.bbox_pred": moves[0]}
    scale |= {"roi_heads.box_predictor.cls_score": scores, "roi_heads.box_predictor.bbox_pred": finer}
    for name, output in scale.items():
        model.get_parameter(f"{name}.weight").data.div_(output.std())
    return model


def saved(model: nn.Module, folder: Path, *, older: bool = False) -> Path:
    state = dict(model.state_dict())
    if older:
        state = {older_name(name): tensor for name, tensor in state.items()}
    torch.save(state, folder / "detector.pth")
    return folder / "detector.pth"


def older_name(name: str) -> str:
    for part in ("inner_blocks", "layer_blocks"):
        for level in range(4):
            name = name.replace(f"{part}.{level}.0.", f"{part}.{level}.")
    return name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")


def rows(boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """In units of which 1e-5 is little; labels count from 0."""
    return torch.cat((boxes / SIZE[1], scores.unsqueeze(1), labels.unsqueeze(1)), dim=1)


def check_detections(reference: nn.Module, task: Task) -> None:
    """The same boxes but for a few: of two that are equally good rounding decides which stands first, or is kept."""
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        expected = reference.eval()(list(images))
        found = task.eval()(images)
    for candidates, wanted in zip(found, expected, strict=True):
        candidates = candidates[candidates[:, 4] > 0.05]
        kept = candidates[batched_nms(candidates[:, :4], candidates[:, 4], candidates[:, 5], 0.5)[:100]]
        ours, theirs = (
            rows(kept[:, :4], kept[:, 4], kept[:, 5]),
            rows(wanted["boxes"], wanted["scores"], wanted["labels"]),
        )
        theirs[:, 5] -= 1
        assert abs(len(ours) - len(theirs)) <= 2
        assert len(theirs) > 10
        apart = torch.cdist(ours, theirs, p=torch.inf)
        near = torch.cat((apart.amin(dim=0), apart.amin(dim=1))) <= 5e-5
        assert near.float().mean() >= 0.97


def test_detections_of_version_1(tmp_path: Path, randomise: Randomise) -> None:
    reference = frozen("resnet18", eps=0.0)
    spread(randomise(reference))
    task = create_model("resnet18", task="detect", weights=saved(reference, tmp_path))
    norms = [layer for layer in task.backbone.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {layer.eps for layer in norms} == {faster_rcnn.NO_EPS}
    check_detections(reference, task)


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_detections_with_resnet50(version: int, tmp_path: Path, randomise: Randomise) -> None:
    reference = frozen("resnet50", eps=0.0) if version == 1 else second()
    spread(randomise(reference))
    check_detections(reference, create_model("resnet50", task="detect", weights=saved(reference, tmp_path)))


def test_detections_with_a_mobilenet(tmp_path: Path, randomise: Randomise) -> None:
    reference = fasterrcnn_mobilenet_v3_large_fpn(
        weights=None, weights_backbone=None, num_classes=6, rpn_score_thresh=0.05, **TRANSFORM
    )
    spread(randomise(reference))
    check_detections(reference, create_model("mobilenet_v3_large", task="detect", weights=saved(reference, tmp_path)))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("maskrcnn_resnet50_fpn", "resnet50: of the weights these are left out: layers for masks"),
        ("keypointrcnn_resnet50_fpn", "resnet50: of the weights these are left out: layers for keypoints"),
        ("retinanet_resnet50_fpn", "new untrained head for 7 classes; the weights have one that plusx does not have"),
        ("fcos_resnet50_fpn", "new untrained head for 7 classes; the weights have one that plusx does not have"),
    ],
)
def test_detectors_of_which_a_part_is_used(
    network: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference = getattr(detection, network)(weights=None, weights_backbone=None)
    task = create_model("resnet50", task="detect", classes=7, weights=saved(reference, tmp_path))
    assert said in caplog.text
    last = task.backbone.get_parameter("conv5.block3.F.layer3.conv.weight")
    assert torch.equal(last, reference.get_parameter("backbone.body.layer4.2.conv3.weight"))


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("ssd300_vgg16", r"holds torchvision's SSD on a VGG, a network that plusx does not have\. Nothing of it can"),
        ("ssdlite320_mobilenet_v3_large", r"holds torchvision's SSDlite: its MobileNetV3 has half the maps at its end"),
    ],
)
def test_detectors_that_are_refused(network: str, why: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        names = getattr(detection, network)(weights=None, weights_backbone=None).state_dict()
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "detector.pth")
    with pytest.raises(WeightsError, match=why):
        create_model("mobilenet_v3_large", task="detect", weights=tmp_path / "detector.pth")


def test_epsilon_of_version_1_matters(tmp_path: Path, randomise: Randomise) -> None:
    """The usual one would give other maps: what the test above would not see if variances were near 1."""
    reference = frozen("resnet18", eps=0.0)
    file = saved(spread(randomise(reference)), tmp_path)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        zero = create_backbone("resnet18", weights=file).eval()(images)["conv5"]
        usual = create_backbone("resnet18", weights=file, eps=1e-5).eval()(images)["conv5"]
    assert (zero - usual).abs().max() > 1e-3 * zero.abs().max()


def test_names_from_before_0_13(tmp_path: Path, randomise: Randomise) -> None:
    reference = frozen("resnet18", eps=0.0)
    randomise(reference)
    head = create_model("resnet18", task="detect", weights=saved(reference, tmp_path, older=True)).head
    theirs = reference.state_dict()
    assert "rpn.head.conv.weight" in torch.load(tmp_path / "detector.pth", weights_only=True)
    for name, tensor in head.state_dict().items():
        assert torch.equal(tensor, theirs[f"backbone.{name}" if name.startswith("fpn") else name])


def test_a_classifier_takes_the_backbone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reference = frozen("resnet18", eps=0.0)
    task = create_model("resnet18", classes=3, weights=saved(reference, tmp_path))
    assert "new untrained head for 3 classes; the weights have the head faster-rcnn of the task detect" in caplog.text
    weight = task.backbone.get_parameter("conv5.block2.F.layer2.conv.weight")
    assert torch.equal(weight, reference.state_dict()["backbone.body.layer4.1.conv2.weight"])


def test_unfrozen_normalisation_has_the_usual_epsilon() -> None:
    counted = {"backbone.body.bn1.num_batches_tracked": torch.tensor(1)}
    assert dict(faster_rcnn.settings(counted)) == {}
    assert dict(faster_rcnn.settings({"backbone.fpn.inner_blocks.0.1.weight": torch.ones(1)})) == {}
    assert dict(faster_rcnn.settings({"backbone.body.bn1.weight": torch.ones(1)})) == {"eps": faster_rcnn.NO_EPS}


def test_no_epsilon_is_lost_in_32_bits() -> None:
    variances = torch.logspace(-22, 3, 26)
    assert torch.equal(variances + faster_rcnn.NO_EPS, variances)


def test_a_plusx_file_stays_one() -> None:
    assert not faster_rcnn.recognise({"backbone.conv1.conv.weight": torch.ones(1)})
