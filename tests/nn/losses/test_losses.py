"""Every loss of classes: what all have in common, and each against a public implementation or its formula."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from timm.loss import BinaryCrossEntropy as TimmBinary
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from torchvision.ops import sigmoid_focal_loss

from plusx.core.errors import InputError
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.nn.losses.class_balanced import ClassBalanced, effective_weights
from plusx.nn.losses.create import LOSSES, LOSSES_OF_SEVERAL, from_json, to_json
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.focal import Focal
from plusx.nn.losses.generalised_cross_entropy import GeneralisedCrossEntropy
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.nn.losses.loss import Loss
from plusx.nn.losses.symmetric_cross_entropy import SymmetricCrossEntropy

K = 4
SCORES = torch.randn(6, K, generator=torch.Generator().manual_seed(0)) * 2
LABELS = torch.tensor([0, 1, 2, 3, 1, 1])
ONE_HOT = F.one_hot(LABELS, K).float()
MIXED = 0.7 * ONE_HOT + 0.3 * ONE_HOT.flip(0)
SEVERAL = (torch.arange(24).view(6, K) % 3 == 0).float()
WEIGHTS = torch.tensor([0.5, 3.0, 1.0, 2.0])
COUNTS = (100, 7, 1, 0)


def losses() -> list[Loss]:
    usual = [kind().counted(COUNTS) for kind in LOSSES.values()]
    changed = [BinaryCrossEntropy(0.1, 0.2, "sum"), ClassBalanced(0.9, Focal(1.5), counts=COUNTS), CrossEntropy(0.1)]
    return [*usual, *changed]


@pytest.mark.parametrize("loss", losses(), ids=lambda loss: loss.name)
class TestEveryLoss:
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_labels_and_certain_probabilities_are_the_same(self, loss: Loss, weights: torch.Tensor | None) -> None:
        torch.testing.assert_close(loss(SCORES, LABELS, weights), loss(SCORES, ONE_HOT, weights))

    @pytest.mark.parametrize("targets", [LABELS, MIXED])
    def test_parts_of_a_batch_give_the_gradient_of_the_whole(self, loss: Loss, targets: torch.Tensor) -> None:
        whole, cut = SCORES.clone().requires_grad_(), SCORES.clone().requires_grad_()
        loss(whole, targets, WEIGHTS).backward()
        for part, share in ((slice(0, 4), 4 / 6), (slice(4, 6), 2 / 6)):
            (share * loss(cut[part], targets[part], WEIGHTS)).backward()
        torch.testing.assert_close(cut.grad, whole.grad)

    def test_is_in_32_bits_under_autocast(self, loss: Loss) -> None:
        half = SCORES.bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            found = loss(half, MIXED.bfloat16(), WEIGHTS)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, loss(half.float(), MIXED.bfloat16().float(), WEIGHTS))

    def test_extreme_scores_stay_finite(self, loss: Loss) -> None:
        scores = torch.tensor([[1e4, -1e4, 0.0, 0.0], [-1e4, 1e4, 0.0, 0.0]], requires_grad=True)
        value = loss(scores, torch.tensor([1, 1]))
        value.backward()
        assert value.isfinite()
        assert scores.grad is not None
        assert scores.grad.isfinite().all()
        assert loss.logits(scores).softmax(dim=1).sum(dim=1).tolist() == pytest.approx([1.0, 1.0])

    def test_descent_finds_the_labels(self, loss: Loss) -> None:
        scores = torch.zeros(6, K, requires_grad=True)
        for _ in range(200):
            [gradient] = torch.autograd.grad(loss(scores, LABELS), [scores])
            scores = (scores - 2.0 * gradient).detach().requires_grad_()
        assert loss.logits(scores).argmax(dim=1).equal(LABELS)

    def test_survives_json(self, loss: Loss) -> None:
        assert from_json(to_json(loss)) == loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_timms(smoothing: float) -> None:
    reference: Any = LabelSmoothingCrossEntropy(smoothing)
    torch.testing.assert_close(CrossEntropy(smoothing)(SCORES, LABELS), reference(SCORES, LABELS))
    torch.testing.assert_close(CrossEntropy()(SCORES, MIXED), SoftTargetCrossEntropy()(SCORES, MIXED))


@pytest.mark.parametrize(("smoothing", "threshold"), [(0.0, None), (0.1, None), (0.0, 0.2), (0.1, 0.2)])
@pytest.mark.parametrize("over", ["mean", "sum"])
def test_binary_cross_entropy_is_timms(smoothing: float, threshold: float | None, over: Any) -> None:
    ours = BinaryCrossEntropy(smoothing, threshold, over)
    reference = TimmBinary(smoothing, threshold, sum_classes=over == "sum")
    torch.testing.assert_close(ours(SCORES, LABELS), reference(SCORES, LABELS))
    mixed_there = MIXED * (1 - smoothing) + smoothing / K  # timm's mixup smooths what it mixes
    torch.testing.assert_close(ours(SCORES, MIXED), reference(SCORES, mixed_there))


def test_binary_cross_entropy_of_several_is_torchs() -> None:
    ours = BinaryCrossEntropy(0.2).of_several(SCORES, SEVERAL, WEIGHTS)
    expected = F.binary_cross_entropy_with_logits(SCORES, SEVERAL * 0.8 + 0.1, pos_weight=WEIGHTS)
    torch.testing.assert_close(ours, expected)


def test_a_mixed_picture_is_of_both_classes() -> None:
    both = (MIXED > 0).float()
    expected = F.binary_cross_entropy_with_logits(SCORES, both)
    torch.testing.assert_close(BinaryCrossEntropy(threshold=0.2)(SCORES, MIXED), expected)


def test_binary_probabilities_are_each_ones_share() -> None:
    p = SCORES.sigmoid()
    torch.testing.assert_close(
        BinaryCrossEntropy().logits(SCORES).softmax(dim=1), p / p.sum(dim=1, keepdim=True), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.5])
def test_focal_of_one_by_its_formula(gamma: float) -> None:
    p = SCORES.softmax(dim=1)
    expected = -(WEIGHTS * MIXED * (1 - p) ** gamma * p.log()).sum(dim=1).mean()
    torch.testing.assert_close(Focal(gamma)(SCORES, MIXED, WEIGHTS), expected)


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_focal_of_several_is_torchvisions(gamma: float) -> None:
    plain = sigmoid_focal_loss(SCORES, SEVERAL, alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(Focal(gamma).of_several(SCORES, SEVERAL), plain)
    weighted = sigmoid_focal_loss(SCORES, SEVERAL, alpha=0.25, gamma=gamma, reduction="mean")
    third = torch.full((K,), 0.25 / 0.75)
    torch.testing.assert_close(0.75 * Focal(gamma).of_several(SCORES, SEVERAL, third), weighted)


def test_class_balanced_by_its_formula() -> None:
    beta, seen = 0.99, [100, 7, 1, 1]
    raw = torch.tensor([(1 - beta) / (1 - beta**n) for n in seen], dtype=torch.float64)
    expected = (raw * K / raw.sum()).float()
    torch.testing.assert_close(torch.tensor(effective_weights(COUNTS, beta)), expected)
    torch.testing.assert_close(
        ClassBalanced(beta, Focal(), counts=COUNTS)(SCORES, MIXED), Focal()(SCORES, MIXED, expected)
    )
    images = -(expected[LABELS] * (SCORES.sigmoid() * (2 * ONE_HOT - 1) + 1 - ONE_HOT).log().mean(dim=1)).mean()
    torch.testing.assert_close(ClassBalanced(beta, BinaryCrossEntropy(), counts=COUNTS)(SCORES, LABELS), images)


def test_class_balanced_at_its_ends() -> None:
    assert effective_weights((3, 80), 0.0) == [1.0, 1.0]
    few, many = effective_weights((3, 6), 1 - 1e-9)
    assert few / many == pytest.approx(2.0)


def test_logit_adjustment_by_its_formula() -> None:
    share = torch.tensor([100, 7, 1, 1]) / 109
    for tau in (0.0, 1.0, 1.5):
        raised = share**tau * SCORES.exp()
        p = raised / raised.sum(dim=1, keepdim=True)
        expected = -(WEIGHTS * MIXED * p.log()).sum(dim=1).mean()
        torch.testing.assert_close(LogitAdjustment(tau, counts=COUNTS)(SCORES, MIXED, WEIGHTS), expected)


@pytest.mark.parametrize("q", [0.5, 0.7, 1.0])
def test_generalised_cross_entropy_by_its_formula(q: float) -> None:
    p = SCORES.softmax(dim=1)[torch.arange(6), LABELS]
    torch.testing.assert_close(GeneralisedCrossEntropy(q)(SCORES, LABELS), ((1 - p**q) / q).mean())


def test_generalised_cross_entropy_is_cross_entropy_for_small_q() -> None:
    torch.testing.assert_close(
        GeneralisedCrossEntropy(1e-4)(SCORES, MIXED), CrossEntropy()(SCORES, MIXED), rtol=1e-3, atol=1e-3
    )


def test_symmetric_cross_entropy_by_its_formula() -> None:
    p, q = SCORES.softmax(dim=1), ONE_HOT.clamp(min=1e-4)
    there = F.cross_entropy(SCORES, LABELS)
    back = -(p * q.log()).sum(dim=1).mean()
    torch.testing.assert_close(SymmetricCrossEntropy(6.0, 0.1)(SCORES, LABELS), 6.0 * there + 0.1 * back)


@pytest.mark.parametrize("name", LOSSES_OF_SEVERAL)
def test_of_several_in_parts_and_in_32_bits(name: str) -> None:
    loss = LOSSES_OF_SEVERAL[name]()
    halves = [loss.of_several(SCORES[i : i + 3], SEVERAL[i : i + 3], WEIGHTS) for i in (0, 3)]
    torch.testing.assert_close(sum(halves) / 2, loss.of_several(SCORES, SEVERAL, WEIGHTS))
    with torch.autocast("cpu", torch.bfloat16):
        assert loss.of_several(SCORES.bfloat16(), SEVERAL.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "focl"}, "Unknown loss 'focl'. Did you mean focal"),
        ({"name": "focal", "gama": 2}, "Unknown setting of the loss focal 'gama'. Did you mean gamma"),
        ({"name": "focal", "gamma": 0.5}, "The loss focal needs gamma of 1 or more, not 0.5"),
        ({"name": "focal", "gamma": math.nan}, "needs gamma of 1 or more, not nan"),
        ({"name": "focal", "gamma": "2"}, "The loss focal has a setting of the wrong type"),
        ({"name": "cross-entropy", "smoothing": 1}, "needs smoothing from 0 to below 1, not 1"),
        ({"name": "binary-cross-entropy", "over_classes": "max"}, "needs over_classes mean or sum, not 'max'"),
        ({"name": "generalised-cross-entropy", "q": 0}, "needs q above 0 and up to 1, not 0"),
        ({"name": "symmetric-cross-entropy", "floor": 0}, "needs 1 / floor of 1 or more, not inf"),
        ({"name": "class-balanced", "of": {"name": "logit-adjustment"}}, "cannot weigh logit-adjustment"),
        ({"gamma": 2}, r'A loss is written as \{"name": "focal", ...\}; found'),
    ],
)
def test_what_is_no_loss_is_said(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_json(values)


def test_counts_are_asked_for() -> None:
    with pytest.raises(InputError, match="needs counts, the number of training images of each of the 3 classes; found"):
        LogitAdjustment().check(3)
    LogitAdjustment().counted([1, 2, 3]).check(3)
