import math
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torchvision import ops

from plusx.nn.detection.nms import Gaussian, Linear, soft_suppressed, suppressed

NOTHING = [0.0, 0, 0, 0, 0, -1]


@pytest.fixture(params=[False, True], ids=["image by image", "at once"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported files and GPUs take the whole batch at once."""
    if request.param:
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)


def candidates(images: int, rows: int, classes: int = 5, *, seed: int = 0, size: float = 300) -> Tensor:
    """Many that overlap, corners in 32nds of a pixel as the decision is made, best first."""
    generator = torch.Generator().manual_seed(seed)
    corner, extent = (torch.rand(images, rows, 2, generator=generator) for _ in range(2))
    upper_left = (corner * size * 32).round() / 32
    lower_right = upper_left + (extent * 60 * 32).round() / 32 + 2
    scores = torch.rand(images, rows, 1, generator=generator).sort(dim=1, descending=True).values
    labels = torch.randint(classes, (images, rows, 1), generator=generator).float()
    return torch.cat((upper_left, lower_right, scores, labels), dim=-1)


def overlap(a: Tensor, b: Tensor) -> float:
    return float(ops.box_iou(a[None, :4], b[None, :4]))


def greedy(image: Tensor, iou: float, detections: int, least: float) -> Tensor:
    """Slow and obvious, for one image (K, 6)."""
    waiting = sorted(range(len(image)), key=lambda i: (-float(image[i, 4]), i))
    kept: list[Tensor] = []
    for i in waiting:
        row = image[i]
        if row[4] >= least and row[4] > 0 and all(row[5] != k[5] or overlap(row, k) <= iou for k in kept):
            kept.append(row)
    return torch.stack([*kept, *[torch.tensor(NOTHING)] * detections])[:detections]


def softly(image: Tensor, decay: Callable[[float], float], detections: int, least: float) -> Tensor:
    """Figure 2 of Bodla et al. 2017, class by class, for one image (K, 6)."""
    found = []
    for label in image[:, 5].unique():
        rows = [row.clone() for row in image if row[5] == label and row[4] >= least and row[4] > 0]
        while rows:
            best = max(range(len(rows)), key=lambda i: float(rows[i][4]))
            m = rows.pop(best)
            found.append(m)
            for row in rows:
                row[4] *= decay(overlap(m, row))
            rows = [row for row in rows if row[4] >= least and row[4] > 0]
    found.sort(key=lambda row: -float(row[4]))
    return torch.stack([*found, *[torch.tensor(NOTHING)] * detections])[:detections]


@pytest.mark.usefixtures("at_once")
def test_equals_the_greedy_algorithm() -> None:
    batch = candidates(3, 120)
    expected = torch.stack([greedy(image, 0.5, 90, 0.3) for image in batch])
    assert torch.equal(suppressed(batch, 0.5, 90, 0.3), expected)
    assert (expected[..., 4] == 0).any()


@pytest.mark.usefixtures("at_once")
def test_equals_torchvision_image_by_image() -> None:
    batch = candidates(4, 400, 80)
    out = suppressed(batch, 0.3, 400, 0.0)
    for image, own in zip(batch, out, strict=True):
        kept = ops.batched_nms(image[:, :4], image[:, 4], image[:, 5].long(), 0.3)
        assert torch.equal(own[: len(kept)], image[kept])
        assert own[len(kept) :].tolist() == [NOTHING] * (400 - len(kept))
        assert len(kept) < 400


def exactly(image: Tensor, iou: float) -> Tensor:
    """Class by class as torchvision does it, corners as they are."""
    places = [(image[:, 5] == label).nonzero()[:, 0] for label in image[:, 5].unique()]
    kept = torch.cat([own[ops.nms(image[own, :4], image[own, 4], iou)] for own in places])
    return image[kept.sort().values]


@pytest.mark.usefixtures("at_once")
def test_corners_anywhere_are_decided_on_as_by_torchvision() -> None:
    """But for one in a thousand, in a crowd of which nine in ten go."""
    crowd = candidates(4, 2000, 2, size=150)
    crowd[..., :4] += torch.rand(4, 2000, 4, generator=torch.Generator().manual_seed(1))
    kept = differing = 0
    for image, own in zip(crowd, suppressed(crowd, 0.5, 2000, 0.0), strict=True):
        expected, found = ({tuple(row) for row in rows.tolist()} for rows in (exactly(image, 0.5), own[own[:, 4] > 0]))
        kept, differing = kept + len(expected), differing + len(expected ^ found)
    assert kept > 3000
    assert differing <= kept / 1000


@pytest.mark.usefixtures("at_once")
def test_five_thousand_boxes_of_many_classes_and_a_large_image() -> None:
    batch = candidates(2, 5000, 1203, size=1200)
    out = suppressed(batch, 0.5, 5000, 0.0)
    for image, own in zip(batch, out, strict=True):
        kept = torch.cat(
            [(i := (image[:, 5] == c).nonzero()[:, 0])[ops.nms(image[i, :4], image[i, 4], 0.5)] for c in range(1203)]
        ).sort()[0]
        assert torch.equal(own[: len(kept)], image[kept])
        assert int((own[:, 4] > 0).sum()) == len(kept)


@pytest.mark.usefixtures("at_once")
def test_one_class() -> None:
    batch = candidates(2, 80, 1)
    assert torch.equal(suppressed(batch, 0.4, 80, 0.1), torch.stack([greedy(i, 0.4, 80, 0.1) for i in batch]))


@pytest.mark.usefixtures("at_once")
def test_of_equal_scores_the_earlier_row_stays() -> None:
    a, b, c = [0.0, 0, 10, 10, 0.5, 0], [1.0, 0, 11, 10, 0.5, 0], [50.0, 0, 60, 10, 0.5, 0]
    assert suppressed(torch.tensor([[a, b, c]]), 0.5, 3, 0.0).tolist() == [[a, c, NOTHING]]
    assert suppressed(torch.tensor([[b, c, a]]), 0.5, 3, 0.0).tolist() == [[b, c, NOTHING]]


def test_unsorted_candidates_come_out_best_first() -> None:
    batch = candidates(2, 60)
    shuffled = batch[:, torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    assert torch.equal(suppressed(shuffled, 0.5, 30, 0.0), suppressed(batch, 0.5, 30, 0.0))


@pytest.mark.usefixtures("at_once")
def test_an_overlap_of_exactly_the_limit_stays() -> None:
    halves = torch.tensor([[[0.0, 0, 10, 10, 0.9, 0], [0, 0, 10, 5, 0.8, 0]]])
    assert (suppressed(halves, 0.5, 2, 0.0)[..., 4] > 0).sum() == 2
    assert (suppressed(halves, 0.49, 2, 0.0)[..., 4] > 0).sum() == 1


@pytest.mark.usefixtures("at_once")
def test_empty_candidates_and_padding() -> None:
    empty = torch.zeros(2, 7, 6)
    for out in (suppressed(empty, 0.5, 3, 0.0), soft_suppressed(empty, Gaussian(), 3, 0.0)):
        assert out.tolist() == [[NOTHING] * 3] * 2
    mixed = torch.stack((empty[0], candidates(1, 7)[0]))
    assert suppressed(mixed, 0.5, 9, 0.0)[0].tolist() == [NOTHING] * 9
    assert torch.equal(suppressed(mixed, 0.5, 9, 0.0)[1], greedy(mixed[1], 0.5, 9, 0.0))


@pytest.mark.usefixtures("at_once")
def test_candidates_that_are_not_asked_for_may_hold_anything() -> None:
    rows = candidates(1, 8)
    rows[0, 5:, :4] = torch.tensor([[math.inf] * 4, [math.nan] * 4, [-1e30, -1e30, 1e30, 1e30]])
    rows[0, 5:, 4] = 0
    assert torch.equal(suppressed(rows, 0.5, 8, 0.0)[0, :5], greedy(rows[0, :5], 0.5, 5, 0.0))


@pytest.mark.usefixtures("at_once")
def test_an_image_has_the_same_detections_whatever_its_batch() -> None:
    own = candidates(1, 200, 80, seed=1, size=1100) + torch.tensor([0.013, 0.007, 0.013, 0.007, 0, 0])
    crowd = torch.cat((candidates(40, 200, 80, seed=2, size=1300), own, candidates(3, 200, 80, seed=3)))
    assert torch.equal(suppressed(crowd, 0.5, 100, 0.05)[40:41], suppressed(own, 0.5, 100, 0.05))


@pytest.mark.usefixtures("at_once")
def test_boxes_that_leave_the_image_stay_with_their_own_kind() -> None:
    batch = candidates(3, 100)
    batch[..., :4] -= 150
    assert torch.equal(suppressed(batch, 0.5, 50, 0.0), torch.stack([greedy(i, 0.5, 50, 0.0) for i in batch]))


@pytest.mark.parametrize(
    ("decay", "slow"),
    [
        (Gaussian(), lambda iou: math.exp(-(iou**2) / 0.5)),
        (Gaussian(0.2), lambda iou: math.exp(-(iou**2) / 0.2)),
        (Linear(), lambda iou: 1 - iou if iou >= 0.3 else 1.0),
    ],
)
def test_soft_suppression_is_figure_2(decay: Gaussian | Linear, slow: Callable[[float], float]) -> None:
    batch = candidates(2, 60, 3, size=120)
    expected = torch.stack([softly(image, slow, 50, 0.05) for image in batch])
    out = soft_suppressed(batch, decay, 50, 0.05)
    torch.testing.assert_close(out, expected)
    assert not torch.equal(out, suppressed(batch, 0.5, 50, 0.05))


def test_soft_suppression_of_many_is_that_of_those_asked_for() -> None:
    batch = candidates(2, 1500, 3)
    batch[:, :, 4] = batch[:, :, 4].flip(1)
    few = batch[:, -900:]
    assert float(batch[:, :-900, 4].max()) < 0.7
    torch.testing.assert_close(soft_suppressed(batch, Gaussian(), 40, 0.7), soft_suppressed(few, Gaussian(), 40, 0.7))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_goes_in_and_comes_out(dtype: torch.dtype) -> None:
    batch = candidates(2, 50).to(dtype)
    out = suppressed(batch, 0.5, 20, 0.1)
    assert out.dtype == dtype
    assert torch.equal(out.float(), suppressed(batch.float(), 0.5, 20, 0.1))
    assert soft_suppressed(batch, Linear(), 20, 0.1).dtype == dtype


class Greedy(nn.Module):
    def forward(self, batch: Tensor) -> Tensor:
        return suppressed(batch, 0.5, 60, 0.05)


class Soft(nn.Module):
    def forward(self, batch: Tensor) -> Tensor:
        return soft_suppressed(batch, Gaussian(), 6, 0.05)


@pytest.mark.filterwarnings("ignore:.*create_unbacked_symint:FutureWarning")  # torchvision 0.29 of its own nms
@pytest.mark.parametrize("module", [Greedy(), Soft()])
def test_exports_with_a_dynamic_batch(module: nn.Module, tmp_path: Path) -> None:
    sizes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(module, (candidates(2, 50),), dynamic_shapes=sizes)
    exported = torch.onnx.export(program, dynamo=True, opset_version=18, verbose=False)
    assert exported is not None
    exported.save(tmp_path / "nms.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "nms.onnx", providers=["CPUExecutionProvider"])
    for images in (1, 2, 5):
        batch = candidates(images, 50, seed=images)
        batch[:, ::2, 4] = batch[:, 1::2, 4]  # ties
        batch[-1, 20:, 4] = 0
        (out,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
        expected = module(batch)
        assert torch.equal(program.module()(batch), expected)
        torch.testing.assert_close(
            torch.from_numpy(out), expected, rtol=0, atol=0 if isinstance(module, Greedy) else 1e-6
        )


def test_no_images() -> None:
    assert suppressed(torch.zeros(0, 7, 6), 0.5, 3, 0.05).shape == (0, 3, 6)
