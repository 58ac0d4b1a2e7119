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
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-4)


def test_exported_with_any_batch_and_size(form: Form, made: Made) -> None:
    backbone = made(form).eval()
    # From 33 pixels on, where the last map is larger than one point: a map of one point is a case of its own to export.
    free = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=33), 3: torch.export.Dim("width", min=33)}
    example = torch.randn(2, 3, 64, 96)
    program = torch.export.export(backbone, (example,), dynamic_shapes=(free,), strict=True).module()
    for size in ((1, 3, 33, 40), (3, 3, 97, 65)):
        images = torch.randn(size)
        with torch.no_grad():
            assert_same(program(images), backbone(images))


def test_compiled_in_one_graph_with_the_same_gradients(form: Form, made: Made) -> None:
    torch.compiler.reset()
    backbone, twin = made(form), made(form)
    compiled = torch.compile(twin, backend="eager", fullgraph=True)
    images = torch.randn(2, 3, 64, 64)
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
