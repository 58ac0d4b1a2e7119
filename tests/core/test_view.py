from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from plusx.core.card import Input
from plusx.core.targets import Boxes
from plusx.core.view import View
from plusx.nn.preprocess import Preprocess, view_of

PAD = Input((64, 64), fit="pad")
SQUASH = Input((48, 64), fit="squash")


@pytest.mark.parametrize("sides", [(100, 50), (50, 100), (7, 9), (64, 64), (1, 500)])
@pytest.mark.parametrize("shown", [PAD, SQUASH])
def test_boxes_go_to_the_input_and_come_back(sides: tuple[int, int], shown: Input) -> None:
    height, width = sides
    view = view_of(height, width, shown)
    corners = [[0.0, 0.0, width, height], [width * 0.25, height * 0.5, width * 0.75, height * 0.9]]
    seen = Boxes.of(corners, [0, 0]).seen(view)
    assert isinstance(seen, Boxes)
    assert (seen.corners >= 0).all()
    assert (seen.corners[:, 2:] <= [shown.size[1], shown.size[0]]).all()
    torch.testing.assert_close(
        view.boxes_to_image(torch.tensor(seen.corners)), torch.tensor(corners), rtol=1e-4, atol=1e-3
    )


def test_boxes_are_cut_at_the_images_edges() -> None:
    view = view_of(32, 64, PAD)  # 16 rows of room above and below
    back = view.boxes_to_image(torch.tensor([[[-5.0, 0.0, 70.0, 64.0]]]))
    assert back.tolist() == [[[0.0, 0.0, 64.0, 32.0]]]


@pytest.mark.parametrize(("height", "width"), [(96, 128), (20, 30), (48, 64), (151, 1)])
def test_maps_of_the_whole_image_are_resized_bilinearly(height: int, width: int) -> None:
    maps = torch.randn(2, 3, *SQUASH.size)
    expected = interpolate(maps, (height, width), mode="bilinear", align_corners=False)
    torch.testing.assert_close(view_of(height, width, SQUASH).maps_to_image(maps), expected)


def test_room_around_the_image_has_no_part_in_its_pixels() -> None:
    view = view_of(32, 128, PAD)
    assert (view.top, view.resized) == (-24, (16, 64))
    maps = torch.full((1, 1, 64, 64), 100.0)
    inside = torch.randn(1, 1, 16, 64)
    maps[:, :, 24:40] = inside
    expected = interpolate(inside, (32, 128), mode="bilinear", align_corners=False)
    torch.testing.assert_close(view.maps_to_image(maps), expected)


class Back(nn.Module):
    def __init__(self, shown: Input) -> None:
        super().__init__()
        self.preprocess = Preprocess(shown)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels, view = self.preprocess(images)
        boxes = torch.tensor([[10.0, 20.0, 30.0, 40.0]]) + pixels.mean(dim=(1, 2, 3))[:, None] * 0
        return view.maps_to_image(pixels), view.boxes_to_image(boxes)


@pytest.mark.parametrize("shown", [PAD, SQUASH])
def test_a_graph_for_any_size_goes_the_same_way(shown: Input) -> None:
    sizes: Any = {0: torch.export.Dim("batch"), 1: torch.export.Dim("height"), 2: torch.export.Dim("width")}
    example = torch.zeros(2, 61, 47, 3, dtype=torch.uint8)
    module = Back(shown)
    graph = torch.export.export(module, (example,), dynamic_shapes={"images": sizes}).module()
    for shape in ((1, 40, 90, 3), (3, 130, 20, 3)):
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        for found, expected in zip(graph(images), module(images), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_view_is_a_value() -> None:
    assert view_of(10, 20, PAD) == View(10, 20, (32, 64), -16, 0, (64, 64))
