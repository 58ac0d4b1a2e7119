"""Against slow implementations by the formula, pixel after pixel, and what all losses promise of void pixels."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from plusx.nn.segmentation.losses import (
    OF_AREAS,
    OF_PIXELS,
    cross_entropy,
    dice,
    focal,
    hardest_cross_entropy,
    lovasz,
)

K = 4
WEIGHTS = torch.tensor([0.5, 3.0, 1.0, 2.0])
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {**OF_PIXELS, **OF_AREAS}

every_loss = pytest.mark.parametrize("name", list(LOSSES))
both_kinds = pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
weighted_or_not = pytest.mark.parametrize("weights", [None, WEIGHTS])


def example(kind: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and masks, a fifth of them void; class 3 is in no mask."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, K, 5, 6, generator=generator)
    if kind == "softmax":
        masks = torch.randint(0, K - 1, (2, 5, 6), generator=generator)
    else:
        masks = torch.randint(0, 2, (2, K, 5, 6), generator=generator)
        masks[:, K - 1] = 0
    masks[torch.rand(masks.shape, generator=generator) < 0.2] = 255
    return logits, masks.to(torch.uint8)


def told(logits: Tensor, masks: Tensor) -> list[tuple[float, int]]:
    """The probability of what the mask says and the class it is about, for all that counts."""
    found = []
    for b in range(logits.shape[0]):
        for y in range(logits.shape[2]):
            for x in range(logits.shape[3]):
                values = logits[b, :, y, x].double()
                if masks.ndim == 3:
                    if masks[b, y, x] != 255:
                        k = int(masks[b, y, x])
                        found.append((values.softmax(0)[k].item(), k))
                    continue
                for k in range(K):
                    if masks[b, k, y, x] != 255:
                        p = values[k].sigmoid().item()
                        found.append((p if masks[b, k, y, x] == 1 else 1 - p, k))
    return found


def of_class(logits: Tensor, masks: Tensor, k: int) -> list[tuple[float, bool]]:
    """The probability of class k and whether the mask says it, for all that counts."""
    if masks.ndim == 3:
        p, t, counted = logits.double().softmax(1)[:, k], masks == k, masks != 255
    else:
        p, t, counted = logits.double().sigmoid()[:, k], masks[:, k] == 1, masks[:, k] != 255
    return list(zip(p[counted].tolist(), t[counted].tolist(), strict=True))


def weight(weights: Tensor | None, k: int) -> float:
    return 1.0 if weights is None else float(weights[k])


def check(found: Tensor, expected: float) -> None:
    assert found.shape == ()
    assert found.item() == pytest.approx(expected, rel=1e-5)


@both_kinds
@weighted_or_not
def test_cross_entropy(kind: str, weights: Tensor | None) -> None:
    logits, masks = example(kind)
    pixels = told(logits, masks)
    check(
        cross_entropy(logits, masks, weights),
        sum(-weight(weights, k) * math.log(p) for p, k in pixels) / len(pixels),
    )


def test_cross_entropy_is_torchs() -> None:
    logits, masks = example("softmax")
    torch.testing.assert_close(
        cross_entropy(logits, masks), torch.nn.functional.cross_entropy(logits, masks.long(), ignore_index=255)
    )


@both_kinds
@weighted_or_not
@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_focal(kind: str, weights: Tensor | None, gamma: float) -> None:
    logits, masks = example(kind)
    pixels = told(logits, masks)
    terms = [-weight(weights, k) * (1 - p) ** gamma * math.log(p) for p, k in pixels]
    check(focal(logits, masks, weights, gamma), sum(terms) / len(pixels))


@both_kinds
@weighted_or_not
@pytest.mark.parametrize(("known", "share"), [(0.7, 1 / 16), (0.01, 0.5), (0.01, 1.0), (0.99, 0.01)])
def test_hardest_cross_entropy(kind: str, weights: Tensor | None, known: float, share: float) -> None:
    logits, masks = example(kind)
    pixels = sorted(told(logits, masks))
    least = max(1, math.ceil(share * len(pixels)))
    hard = pixels[: max(least, sum(p <= known for p, _ in pixels))]
    expected = sum(-weight(weights, k) * math.log(p) for p, k in hard) / len(hard)
    check(hardest_cross_entropy(logits, masks, weights, known, share), expected)


@both_kinds
def test_dice(kind: str) -> None:
    logits, masks = example(kind)
    terms = []
    for k in range(K):
        pixels = of_class(logits, masks, k)
        if any(t for _, t in pixels):
            overlap = sum(p for p, t in pixels if t)
            terms.append(1 - 2 * overlap / (sum(p for p, _ in pixels) + sum(t for _, t in pixels)))
    assert len(terms) == K - 1
    check(dice(logits, masks), sum(terms) / len(terms))


@both_kinds
def test_lovasz(kind: str) -> None:
    """Eq. 8: the errors, largest first, each times what its pixel adds to the Jaccard loss of the set of wrong ones."""
    logits, masks = example(kind)
    terms = []
    for k in range(K):
        pixels = of_class(logits, masks, k)
        area = {i for i, (_, t) in enumerate(pixels) if t}
        if not area:
            continue
        errors = sorted(((abs(t - p), i) for i, (p, t) in enumerate(pixels)), reverse=True)
        loss, before, wrong = 0.0, 0.0, set[int]()
        for error, i in errors:
            wrong.add(i)
            jaccard = len(wrong) / len(area | wrong)  # eq. 6
            loss += error * (jaccard - before)
            before = jaccard
        terms.append(loss)
    assert len(terms) == K - 1
    check(lovasz(logits, masks), sum(terms) / len(terms))


@pytest.mark.parametrize("name", list(OF_AREAS))
def test_sure_and_right_is_0_and_sure_and_wrong_is_1(name: str) -> None:
    masks = torch.tensor([[[0, 1], [2, 3]]], dtype=torch.uint8)
    right = 100 * torch.nn.functional.one_hot(masks.long(), K).permute(0, 3, 1, 2).float()
    assert LOSSES[name](right, masks).item() == pytest.approx(0.0, abs=1e-6)
    assert LOSSES[name](right.roll(1, dims=1), masks).item() == pytest.approx(1.0)


@every_loss
@both_kinds
def test_void_changes_nothing(name: str, kind: str) -> None:
    """Neither what the network says there nor its gradient."""
    logits, masks = example(kind)
    void = (masks == 255) if masks.ndim == 4 else (masks == 255)[:, None].expand_as(logits)
    changed = torch.where(void, 7 * torch.randn_like(logits), logits)
    found = []
    for values in (logits.requires_grad_(), changed.requires_grad_()):
        loss = LOSSES[name](values, masks)
        loss.backward()
        assert values.grad is not None
        assert not values.grad[void].any()
        assert values.grad[~void].any()
        found.append(loss)
    assert torch.equal(*found)


@every_loss
@both_kinds
def test_void_pixels_are_as_if_cut_off(name: str, kind: str) -> None:
    logits, masks = example(kind)
    masks[..., 4:] = 255
    torch.testing.assert_close(LOSSES[name](logits, masks), LOSSES[name](logits[..., :4], masks[..., :4]))


@every_loss
@both_kinds
@pytest.mark.parametrize("size", [0, 3])
def test_nothing_to_count_gives_0_and_a_gradient_of_0(name: str, kind: str, size: int) -> None:
    logits = torch.randn(size, K, 4, 4, requires_grad=True)
    masks = torch.full((size, 4, 4) if kind == "softmax" else (size, K, 4, 4), 255, dtype=torch.uint8)
    loss = LOSSES[name](logits, masks)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


@every_loss
@both_kinds
def test_gradients_are_right(name: str, kind: str) -> None:
    """Uphill, against differences, in the 32 bits that losses are in."""
    logits, masks = example(kind)
    logits.requires_grad_()
    loss = LOSSES[name](logits, masks)
    (gradient,) = torch.autograd.grad(loss, logits)
    direction, step = gradient / gradient.norm(), 1e-2
    with torch.no_grad():
        ahead, behind = (LOSSES[name](logits + sign * step * direction, masks).item() for sign in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx((ahead - behind) / (2 * step), rel=0.05)


@every_loss
@both_kinds
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_in_32_bits_and_finite(name: str, kind: str, dtype: torch.dtype) -> None:
    logits, masks = example(kind)
    with torch.autocast("cpu", dtype):
        low = logits.to(dtype)
        assert torch.equal(LOSSES[name](low, masks), LOSSES[name](low.float(), masks))
        assert LOSSES[name](low, masks).dtype == torch.float32
    extreme = (3e3 * logits).to(dtype).requires_grad_()
    loss = LOSSES[name](extreme, masks)
    loss.backward()
    assert loss.isfinite()
    assert extreme.grad is not None
    assert extreme.grad.isfinite().all()


@every_loss
def test_one_class_all_right(name: str) -> None:
    """softmax of one logit is 1: nothing is left to learn."""
    logits = torch.randn(2, 1, 3, 3, requires_grad=True)
    loss = LOSSES[name](logits, torch.zeros(2, 3, 3, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("name", ["cross-entropy", "focal"])
@both_kinds
def test_a_batch_cut_into_parts_averages_to_the_whole(name: str, kind: str) -> None:
    logits, masks = example(kind)
    masks = masks.where(masks != 255, torch.tensor(0, dtype=torch.uint8))
    parts = [OF_PIXELS[name](logits[i : i + 1], masks[i : i + 1], WEIGHTS) for i in (0, 1)]
    torch.testing.assert_close(sum(parts) / 2, OF_PIXELS[name](logits, masks, WEIGHTS))
