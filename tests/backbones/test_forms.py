"""The forms a network is run in: exported, compiled, channels last, half the bits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plusx.core.backbone import Backbone

Form = tuple[str, tuple[tuple[str, Any], ...]]
Made = Callable[..., Backbone]


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        noise = 1e-5 * max(10.0, float(value.detach().abs().max()))  # float32, where values reach hundreds
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=noise)


def two_points(backbone: Backbone) -> int:
    """Pixels of a side, 33 or more, from which on the last map has two points."""
    last = backbone.stages[-1].name
    with torch.no_grad():
        return next(side for side in range(33, 65) if backbone(torch.zeros(1, 3, side, side))[last].shape[2] > 1)


def test_exported_with_any_batch_and_size(recorded: Form, made: Made) -> None:
    backbone = made(recorded).eval()
    side, dim = two_points(backbone), torch.export.Dim  # a map of one point is a case of its own to export
    free = {0: dim("batch"), 2: dim("height", min=side), 3: dim("width", min=side)}
    example = torch.randn(2, 3, 64, 96)
    program = torch.export.export(backbone, (example,), dynamic_shapes=(free,), strict=True).module()
    for size in ((1, 3, side, 72), (3, 3, 97, 65)):
        images = torch.randn(size)
        with torch.no_grad():
            assert_same(program(images), backbone(images))


def test_compiled_in_one_graph_with_the_same_gradients(recorded: Form, made: Made) -> None:
    torch.compiler.reset()
    backbone, twin = made(recorded), made(recorded)
    compiled = torch.compile(twin, backend="eager", fullgraph=True)
    images = torch.randn(2, 3, 64, 64)
    backbone.channels_last = ()  # a compiler chooses memory formats itself; else rounding differs
    expected, found = backbone(images), compiled(images)
    assert_same(found, expected)
    for features in (expected, found):
        next(reversed(features.values())).square().sum().backward()
    for mine, other in zip(twin.parameters(), backbone.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_channels_last_stays_so_to_the_end(form: Form, made: Made) -> None:
    backbone, images = made(form).eval(), torch.randn(2, 3, 97, 65)
    with torch.no_grad():
        expected = backbone(images)
        found = backbone.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert_same(found, expected)
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in found.values())


def test_bfloat16_is_near_float32(form: Form, made: Made) -> None:
    backbone, images = made(form).eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = backbone(images)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = backbone(images)
        pure = backbone.to(torch.bfloat16)(images.to(torch.bfloat16))
    for name_of_stage, value in expected.items():
        assert pure[name_of_stage].dtype == torch.bfloat16
        for found in (mixed, pure):
            difference = (found[name_of_stage].float() - value).norm() / value.norm()
            assert 0 < difference < 0.03, name_of_stage


def test_one_image_alone_gives_what_it_gives_in_a_batch(form: Form, made: Made) -> None:
    backbone, images = made(form).eval(), torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        alone = backbone(images[1:2])
        together = {stage: value[1:2] for stage, value in backbone(images).items()}
    assert_same(alone, together)
