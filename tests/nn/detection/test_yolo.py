import math
import time
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.nn.detection.boxes import ciou, giou
from plusx.nn.detection.nms import suppressed
from plusx.nn.detection.yolo import PRIOR, Yolo, YoloConfig
from rectangles import FiveStrides, mean_precision, rectangles

BCCD = Path(__file__).parents[3].parent / "shared" / "data" / "bccd"
SLOW = pytest.mark.slow


class Network(nn.Module):
    """Backbone and head as one."""

    def __init__(self, classes: int = 3, backbone: Backbone | None = None, **settings: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = backbone or FiveStrides()
        values: dict[str, Any] = {"channels": 16, **settings}
        self.head = Yolo(self.backbone.stages, classes, YoloConfig(**values))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images), (images.shape[2], images.shape[3]))

    def losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return self.head.losses(self.backbone(images), (images.shape[2], images.shape[3]), targets)


def target(*rows: tuple[float, ...], images: int = 2) -> Tensor:
    """(images, M, 7) of label, x1, y1, x2, y2, ignored; in the first image alone."""
    targets = torch.full((images, len(rows), 7), -1.0)
    if rows:
        targets[0, :, :6] = torch.tensor(rows)
    return targets


def spread(network: Network) -> Network:
    """Statistics as after some training, scores and boxes different from each other."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    for branch in (*network.head.scores, *network.head.boxes):
        nn.init.normal_(branch.predict.weight, std=0.6)  # type: ignore[union-attr]
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 128, 128))
    return network.eval()


@pytest.mark.parametrize("bins", [0, 16])
def test_candidates(bins: int) -> None:
    with torch.no_grad():
        found = spread(Network(bins=bins))(torch.randn(2, 3, 72, 104))
    assert found.shape == (2, 3 * (9 * 13 + 5 * 7 + 3 * 4), 6)
    x1, y1, x2, y2, score, label = found.unbind(dim=-1)
    assert (x1 >= 0).all()
    assert (y1 >= 0).all()
    assert (x2 <= 104).all()
    assert (y2 <= 72).all()
    assert (x2 >= x1).all()
    assert (y2 >= y1).all()
    assert (score.diff(dim=1) <= 0).all()
    assert (score > 0).all()
    assert score.max() <= 1
    assert label.unique().tolist() == [0, 1, 2]


def test_no_more_candidates_than_asked_for_and_those_the_best() -> None:
    images, network = torch.randn(2, 3, 64, 64), spread(Network())
    few = spread(Network(candidates=20))
    few.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(few(images), network(images)[:, :20])


@pytest.mark.parametrize("bins", [0, 16])
def test_before_training_scores_are_the_prior_and_boxes_four_strides_wide(bins: int) -> None:
    with torch.no_grad():
        found = Network(bins=bins).eval()(torch.randn(1, 3, 256, 256))[0]
    assert found[:, 4].mean().item() == pytest.approx(PRIOR, rel=0.2)
    inner = found[(found[:, :2].min(dim=1).values > 0) & (found[:, 2:4].max(dim=1).values < 256)]
    sides = (inner[:, 2] - inner[:, 0]).sort().values
    assert sides.median().item() == pytest.approx(4 * 8, rel=0.15)
    assert sides.max().item() == pytest.approx(4 * 32, rel=0.15)


class Fixed(nn.Module):
    """Stands in for a branch: the same answer at every point, as far as its parameter is."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))

    def forward(self, x: Tensor) -> Tensor:
        return self.values.expand(x.shape[0], x.shape[2] * x.shape[3], -1)


def losses_of_fixed(logit: float, edges: list[float], size: int, targets: Tensor, **settings: Any) -> dict[str, Tensor]:
    """One class, one level of stride 8, the same answer at each of its points."""
    network = Network(1, strides=(8,), **settings).eval()
    network.head.scores = nn.ModuleList([Fixed([logit])])
    network.head.boxes = nn.ModuleList([Fixed(edges)])
    maps = {stage.name: torch.zeros(1, stage.channels, size // 8, size // 8) for stage in network.backbone.stages}
    return network.head.losses(maps, (size, size), targets)


def plain(*distances: float) -> list[float]:
    """softplus⁻¹(d + ½): d strides."""
    return [math.log(math.expm1(distance + 0.5)) for distance in distances]


@pytest.mark.parametrize("name", ["giou", "ciou"])
def test_losses_by_hand(name: str) -> None:
    """Image of 2 × 2 points, one box with the point 4, 4 alone in it. Its predicted box is 0, 0, 8, 8."""
    box = (1.0, 1.0, 7.0, 9.0)
    edges = plain(0.5, 0.5, 0.5, 0.5)
    found = losses_of_fixed(0.0, edges, 16, target((0, *box, 0), images=1), bins=0, overlap=name)
    u = 6 * 7 / (64 + 48 - 42)
    overlap = {"giou": giou, "ciou": ciou}[name](torch.tensor([0.0, 0, 8, 8]), torch.tensor(box)).item()
    negatives = 3 * 0.25 * math.log(2)
    positive = (u - 0.5) ** 2 * math.log(2)
    assert list(found) == ["classification", "box"]
    assert found["classification"].item() == pytest.approx(negatives + positive, rel=1e-5)  # the sum, 0.6, counts as 1
    assert found["box"].item() == pytest.approx(2 * (1 - overlap), rel=1e-5)


def test_the_distribution_by_hand() -> None:
    """Equal bins: every distance costs log bins."""
    found = losses_of_fixed(0.0, [0.0] * 4 * 4, 16, target((0, 0, 0, 8, 8, 0), images=1), bins=4)
    u = 64 / 16**2  # 3/2 − 1/2 strides to each side, around the same middle
    assert found["distribution"].item() == pytest.approx(math.log(4), rel=1e-5)
    assert found["box"].item() == pytest.approx(2 * (1 - u), rel=1e-5)


def test_losses_are_divided_by_the_sum_of_target_scores() -> None:
    """Two and four exact boxes of one point each: twice the sum, the same box loss; the negatives count half."""
    edges = plain(0.25, 0.25, 0.25, 0.25)
    boxes = [(0, x - 2, y - 2, x + 2, y + 2, 0) for x in (4, 12) for y in (4, 12)]
    two, four = (losses_of_fixed(0.0, edges, 32, target(*boxes[:n], images=1), bins=0) for n in (2, 4))
    each = 0.25 * math.log(2)
    assert two["classification"].item() == pytest.approx(each * 16 / 2, rel=1e-4)
    assert four["classification"].item() == pytest.approx(each * 16 / 4, rel=1e-4)
    assert two["box"].item() == pytest.approx(0, abs=1e-5)


def test_ignored_boxes_are_no_background() -> None:
    edges = plain(0.5, 0.5, 0.5, 0.5)
    alone = losses_of_fixed(0.0, edges, 32, target((0, 0, 0, 16, 32, 1), images=1), bins=0)
    assert alone["classification"].item() == pytest.approx(8 * 0.25 * math.log(2), rel=1e-5)
    assert alone["box"].item() == 0
    targets = target((0, 0, 0, 16, 32, 1), (0, 0, 0, 8, 8, 0), images=1)
    both = losses_of_fixed(0.0, edges, 32, targets, bins=0)
    assert both["classification"].item() == pytest.approx(9 * 0.25 * math.log(2), rel=1e-5)


@pytest.mark.parametrize("targets", [torch.zeros(2, 0, 7), target((-1, 0, 0, 0, 0, 0)), target((0, 0, 0, 64, 64, 1))])
@pytest.mark.parametrize("bins", [0, 16])
def test_without_positives_losses_and_gradients_are_finite(targets: Tensor, bins: int) -> None:
    network = Network(bins=bins)
    losses = network.losses(torch.randn(2, 3, 64, 64), targets)
    torch.stack([*losses.values()]).sum().backward()
    assert losses["classification"] > 0
    assert losses["box"] == 0
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_every_parameter_has_a_gradient() -> None:
    """A box for each level; levels without one have it through the classes."""
    network = Network()
    images, targets = rectangles(2, 96, (40, 20, 4))
    torch.stack([*network.losses(images, targets).values()]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or name.startswith("head.boxes"), name


def test_under_autocast_losses_are_in_32_bits_and_near() -> None:
    network = Network()
    images, targets = rectangles(2, 96, (40, 20, 4))
    exact = network.losses(images, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network.losses(images, targets)
    for name, loss in found.items():
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact[name].item(), rel=0.1)


def train(network: Network, images: Tensor, targets: Tensor, steps: int, rate: float) -> list[float]:
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    losses = []
    for _ in range(steps):
        loss = torch.stack([*network.losses(images, targets).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def detections(network: Network, images: Tensor) -> Tensor:
    with torch.no_grad():
        return suppressed(network.eval()(images), iou=0.6, detections=100, least=0.05)


@pytest.mark.parametrize(
    ("bins", "overlap", "sides"), [(16, "ciou", (40, 20, 10, 4)), pytest.param(0, "giou", (40, 20, 10), marks=SLOW)]
)
def test_learns_one_batch(bins: int, overlap: str, sides: tuple[int, ...]) -> None:
    """With distributions down to boxes of 4 pixels, half a cell."""
    images, targets = rectangles(4, 96, sides)
    network = Network(bins=bins, overlap=overlap, channels=32)
    losses = train(network, images, targets, steps=80, rate=1e-2)
    assert losses[-1] < losses[0] / 4
    found = detections(network, images)
    assert mean_precision(found, targets, 3) == pytest.approx(1.0)
    assert mean_precision(found, targets, 3, iou=0.75) > 0.9


def test_five_thousand_boxes_in_one_image() -> None:
    """All pairs of box and point at once would be over 40 million here; a second image has two boxes."""
    targets = torch.full((2, 5000, 7), -1.0)
    corners = torch.rand(5000, 2) * 620
    targets[0, :, 0], targets[0, :, 1:3], targets[0, :, 3:5], targets[0, :, 5] = 0, corners, corners + 12, 0
    targets[1, :2] = targets[0, :2]
    start = time.process_time()
    with torch.profiler.profile(profile_memory=True) as profile:
        losses = Network(channels=8).losses(torch.randn(2, 3, 640, 640), targets)
        torch.stack([*losses.values()]).sum().backward()
    assert time.process_time() - start < 20
    assert torch.stack([*losses.values()]).isfinite().all()
    assert max(event.cpu_memory_usage for event in profile.key_averages()) < 2**31


class Exported(Network):
    """With suppression, as exported files have it."""

    def forward(self, images: Tensor) -> Tensor:
        return suppressed(super().forward(images), iou=0.6, detections=50, least=0.05)


@pytest.mark.filterwarnings("ignore:.*create_unbacked_symint:FutureWarning")  # torchvision 0.29 of its own nms
@pytest.mark.parametrize("bins", [pytest.param(0, marks=SLOW), 16])
def test_exported_with_dynamic_batch_and_sizes_it_finds_the_same(bins: int) -> None:
    network = spread(Exported(bins=bins))
    sizes = {0: Dim("batch"), 2: Dim("height", min=33), 3: Dim("width", min=33)}
    program = torch.export.export(network, (torch.randn(2, 3, 96, 64),), dynamic_shapes={"images": sizes})
    exported = torch.onnx.export(program, opset_version=18, verbose=False)
    assert exported is not None
    session = onnxruntime.InferenceSession(exported.model_proto.SerializeToString())
    for shape in ((2, 3, 96, 64), (1, 3, 75, 131), (3, 3, 160, 40)):
        images = torch.randn(*shape)
        with torch.no_grad():
            expected = network(images)
        [found] = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        assert (expected[..., 4] > 0).any()
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"bins": 1}, "bins of the yolo head is 1; expected 2 or more, or 0 for no distribution"),
        ({"channels": 0}, "channels of the yolo head is 0; expected 1 or more"),
        ({"overlap": "iou"}, "Unknown overlap of the yolo head 'iou'. Did you mean"),
        ({"strides": (8, 32)}, "expected powers of two, each twice the last one"),
    ],
)
def test_errors(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        Network(**settings)
