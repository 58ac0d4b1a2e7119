from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import segmentation as torchvision

from dense import assert_same, move, trained
from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.prediction import MaskPrediction
from plusx.core.stage import Stage
from plusx.core.view import View
from plusx.nn.segmentation.losses import cross_entropy, dice
from plusx.tasks import settings
from plusx.tasks.segment import HEADS, Segment, SegmentConfig

CLASSES = ("road", "sky", "tree")


def made(backbone: Backbone, head: str = "deeplabv3+", **changes: Any) -> Segment:
    torch.manual_seed(0)
    return Segment(backbone, SegmentConfig(CLASSES, head, **changes))


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 33, 47, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def masks() -> Tensor:
    masks = torch.zeros(2, 33, 47, dtype=torch.uint8)
    masks[0, :16], masks[1, :, 20:], masks[:, 20:] = 1, 1, 2
    masks[:, :3] = 255
    return masks


@pytest.mark.parametrize("head", [name for name in HEADS if name not in ("fcn16s", "fcn8s")])
def test_outputs_are_on_the_images_grid(head: str, backbone: Backbone, images: Tensor) -> None:
    task = made(backbone, head)
    assert task(images).shape == (2, 3, 33, 47)
    found = task.eval().decode(task(images))
    assert found.shape == (2, 33, 47)
    assert found.dtype == torch.int64
    assert torch.equal(found, task(images).argmax(1))


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted({architecture(name).module for name in architectures()}))
def test_every_family_carries_every_head(module: str) -> None:
    """Shapes only, on sides that every halving finds odd; FCN-16s and 8s need the strides they are named for."""
    names = [name for name in architectures() if architecture(name).module == module]
    name = min(names, key=lambda name: architecture(name).multiply_adds)
    for head, form in HEADS.items():
        with torch.device("meta"):
            backbone = build(name, output_stride=form.output_stride)
            if head in ("fcn16s", "fcn8s") and backbone.stages[-1].stride < 32:
                continue
            assert made(backbone, head, auxiliary=True)(torch.empty(2, 3, 225, 193)).shape == (2, 3, 225, 193)


@pytest.mark.parametrize("head", ["unet", "deeplabv3+"])
def test_it_overfits_one_batch(head: str, backbone: Backbone, images: Tensor, masks: Tensor) -> None:
    task = made(backbone, head, losses=("cross-entropy", "dice"), auxiliary=True, dropout=0.0)
    optimizer = torch.optim.Adam(task.parameters(), lr=0.01)
    counted = masks != 255
    for _ in range(60):
        losses = task(images, masks)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    assert (task.decode(task(images)) == masks)[counted].float().mean() > 0.97


def test_losses_by_name(backbone: Backbone, images: Tensor, masks: Tensor) -> None:
    task = made(backbone, losses=("dice", "cross-entropy"), auxiliary=True, class_weights=(1.0, 2.0, 0.5)).eval()
    losses = task(images, masks)
    logits = task(images)
    assert list(losses) == ["dice", "cross-entropy", "auxiliary"]
    torch.testing.assert_close(losses["dice"], dice(logits, masks))
    weights = torch.tensor([1.0, 2.0, 0.5])
    torch.testing.assert_close(losses["cross-entropy"], cross_entropy(logits, masks, weights))
    assert task.auxiliary is not None
    coarse = task.auxiliary(task.backbone(images))
    beside = interpolate(coarse, size=(33, 47), mode="bilinear", align_corners=False)
    expected = 0.4 * (dice(beside, masks) + cross_entropy(beside, masks, weights))
    torch.testing.assert_close(losses["auxiliary"], expected)


def test_the_auxiliary_head_sees_the_stage_before_the_last_and_is_no_part_of_the_outputs(
    backbone: Backbone, images: Tensor, masks: Tensor
) -> None:
    task = made(backbone, "fcn", auxiliary=True)
    assert task.auxiliary is not None
    assert task.auxiliary.last == backbone.stages[-2]
    task.eval()(images).sum().backward()
    assert all(p.grad is None for p in task.auxiliary.parameters())
    task.train()(images, masks)["auxiliary"].backward()
    assert all(p.grad is not None for p in task.auxiliary.parameters())
    assert {key.split(".")[0] for key in task.state_dict()} == {"backbone", "head"}
    assert made(backbone, "fcn").auxiliary is None


def test_nothing_but_void(backbone: Backbone, images: Tensor) -> None:
    task = made(backbone, losses=("cross-entropy", "lovasz"), auxiliary=True)
    losses = task(images, torch.full((2, 33, 47), 255, dtype=torch.uint8))
    assert {loss.item() for loss in losses.values()} == {0.0}
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in task.parameters())


def test_with_a_view_logits_are_resized_before_the_decision(backbone: Backbone) -> None:
    view = View(10, 14, (5, 7), 0, 0, (5, 7))
    logits = torch.randn(1, 3, 5, 7, dtype=torch.bfloat16)
    task = made(backbone)
    found = task.decode(logits, view)
    larger = interpolate(logits.float(), (10, 14), mode="bilinear", align_corners=False)
    assert torch.equal(found, larger.argmax(1))
    assert not torch.equal(found, task.decode(logits).repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_predictions_are_masks_of_the_images_size(backbone: Backbone) -> None:
    logits = torch.zeros(1, 3, 4, 4)
    logits[:, 0], logits[:, 1, :, 2:] = 0.5, 1.0
    [prediction] = made(backbone).predict(logits, ["a.jpg"], View(8, 4, (4, 2), 0, -1, (4, 4)))
    assert isinstance(prediction, MaskPrediction)
    assert prediction.mask.tolist() == [[0, 0, 1, 1]] * 8
    assert prediction.shares == {"road": 0.5, "sky": 0.5}
    assert prediction.to_json() == {"image": "a.jpg", "shares": {"road": 0.5, "sky": 0.5}}


@pytest.mark.parametrize("auxiliary", [False, True])
def test_config_is_json_that_builds_an_equal_task(auxiliary: bool, backbone: Backbone, images: Tensor) -> None:
    task = made(backbone, "unet", losses=("focal", "lovasz"), auxiliary=auxiliary, class_weights=(1.0, 2.0, 3.0))
    config = task.config()
    assert config == {
        "classes": ["road", "sky", "tree"],
        "head": "unet",
        "losses": ["focal", "lovasz"],
        "auxiliary": auxiliary,
        "dropout": None,
        "class_weights": [1.0, 2.0, 3.0],
        "rates": None,
    }
    again = Segment(backbone, settings.read(SegmentConfig, "segment", config))
    again.load_state_dict(task.state_dict())
    assert torch.equal(task.eval()(images), again.eval()(images))


@pytest.mark.parametrize(
    ("name", "p"), [("fcn", 0.1), ("fcn32s", 0.5), ("deeplabv3", 0.5), ("deeplabv3+", 0.5), ("unet", 0.0)]
)
def test_dropout_is_the_heads_own_unless_given(name: str, p: float, backbone: Backbone) -> None:
    for given, expected in ((None, p), (0.25, 0.25)):
        head = made(backbone, name, dropout=given).head
        assert [part.p for part in head.modules() if isinstance(part, nn.Dropout)] == [expected]


def test_it_exports_with_any_batch_size(backbone: Backbone, images: Tensor) -> None:
    class Decoded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.task = made(backbone, auxiliary=True)

        def forward(self, images: Tensor) -> Tensor:
            return self.task.decode(self.task(images))

    module = Decoded().eval()
    graph = torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    for batch in (images, images[:1]):
        assert torch.equal(graph(batch), module(batch))


def test_losses_are_in_32_bits_under_autocast(backbone: Backbone, images: Tensor, masks: Tensor) -> None:
    task = made(backbone, losses=("cross-entropy", "dice"), auxiliary=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert task(images).dtype == torch.bfloat16
        assert {loss.dtype for loss in task(images, masks).values()} == {torch.float32}


def test_one_image_trains_and_one_point_is_a_clear_error(backbone: Backbone, masks: Tensor) -> None:
    for name in ("fcn", "deeplabv3", "deeplabv3+", "lraspp", "unet"):
        task = made(backbone, name)
        loss = task(torch.randn(1, 3, 33, 47), masks[:1])["cross-entropy"]
        loss.backward()
        assert loss.isfinite()
    with pytest.raises(InputError, match=r"one image ends as a single point, .* Take two or more images, larger ones"):
        made(backbone, "fcn")(torch.randn(1, 3, 4, 4), masks[:1, :4, :4])


def test_whole_networks_as_in_torchvision() -> None:
    """Loss of both heads: torchvision's reference takes 0.5 of the auxiliary one's, here it is 0.4."""
    torch.manual_seed(0)
    reference = trained(
        torchvision.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)
    )
    task = made(build("resnet50", output_stride=8), "deeplabv3", auxiliary=True)
    move(reference, task)
    images, masks = torch.randn(1, 3, 65, 97), torch.randint(0, 3, (1, 65, 97)).to(torch.uint8)
    with torch.no_grad():
        theirs = reference.eval()(images)
        assert_same(task.eval()(images), theirs["out"])
        losses = task(images, masks)
    torch.testing.assert_close(losses["cross-entropy"], cross_entropy(theirs["out"], masks))
    torch.testing.assert_close(losses["auxiliary"], 0.4 * cross_entropy(theirs["aux"], masks))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"head": "deeplab3+"}, "Unknown head of the task segment 'deeplab3\\+'. Did you mean deeplabv3\\+"),
        (
            {"losses": ("cross_entropy",)},
            "Unknown loss of the task segment 'cross_entropy'. Did you mean cross-",
        ),
        ({"losses": ()}, "The task segment needs the losses as a list of at least one name"),
        ({"losses": ("dice", "dice")}, "The task segment has losses that occur twice: dice"),
        ({"dropout": 1.0}, "The task segment needs dropout from 0 to below 1, not 1.0"),
        ({"class_weights": (1.0,)}, "The task segment has 3 classes but 1 class_weights; give one a class"),
        (
            {"losses": ("dice", "lovasz"), "class_weights": (1.0, 2.0, 3.0)},
            "class_weights have no effect on the losses dice, lovasz, in which every class weighs the same; leave them",
        ),
        ({"classes": tuple(map(str, range(256)))}, "The task segment has 256 classes; a mask of 8 bits can name 255"),
        ({"classes": ()}, "The task segment needs the classes as a list of at least one name"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        settings.read(SegmentConfig, "segment", {"classes": CLASSES, **changes})


def test_an_auxiliary_head_needs_two_stages() -> None:
    class Single(Backbone):
        def __init__(self) -> None:
            super().__init__()
            self.stages = (Stage("conv1", 8, 2),)
            self.conv1 = nn.Conv2d(3, 8, 3, 2, 1)

    with pytest.raises(InputError, match="auxiliary=True needs a network of two stages or more; leave it out"):
        made(Single(), "fcn", auxiliary=True)


def test_rates_are_those_of_deeplab(backbone: Backbone) -> None:
    rates = {
        part.dilation[0]
        for part in made(backbone, "deeplabv3", rates=(2, 3, 5)).head.modules()
        if isinstance(part, nn.Conv2d)
    }
    assert rates == {1, 2, 3, 5}
    with pytest.raises(InputError, match="The head unet of the task segment has no rates; leave them out"):
        made(backbone, "unet", rates=(2, 3, 5))
