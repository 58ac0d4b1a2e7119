import copy
from pathlib import Path

import pytest
import torch
from timm.layers.blur_pool import BlurPool2d
from torch import nn

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.engine.device import compiler
from plusx.nn.blur_pool import BlurPool, blurred, blurs, set_blur_pool
from plusx.tasks.classify import Classify, ClassifyConfig
from plusx.weights.modelfile import load_model, save_model

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(9, 8), (7, 12)])
def test_as_timms_where_borders_are_repeated(stride: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 5, *size)
    reference = BlurPool2d(5, filt_size=3, stride=stride, pad_mode="replicate")
    torch.testing.assert_close(blurred(x, stride), reference(x))


def test_one_point_and_a_constant_stay() -> None:
    assert blurred(torch.ones(1, 1, 1, 1), 2).item() == 1.0
    torch.testing.assert_close(blurred(torch.full((1, 2, 5, 6), 3.0), 2), torch.full((1, 2, 3, 3), 3.0))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2_035", "shufflenet_v2_x0_5"])
def test_shapes_and_names_stay(name: str) -> None:
    plain, changed = build(name).eval(), build(name, blur_pool=True).eval()
    changed.load_state_dict(plain.state_dict())
    before, after = plain(IMAGES), changed(IMAGES)
    assert [found.shape for found in before.values()] == [found.shape for found in after.values()]
    assert not torch.equal([*before.values()][-1], [*after.values()][-1])


def test_where_it_blurs() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 16, 3), nn.Conv2d(16, 8, 1, 2), nn.MaxPool2d(3, 1)
    )
    assert set_blur_pool(network) == 2
    assert [type(part) for part in network[1].children()] == [nn.MaxPool2d, BlurPool]


def test_a_network_that_it_cannot_change_says_so() -> None:
    with pytest.raises(InputError, match="unet has no layer that blur_pool could change; leave it out"):
        build("unet", blur_pool=True)


def test_the_model_file_says_it_and_export_agrees(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = build("resnet18", blur_pool=True)
    task = Classify(backbone, ClassifyConfig(("a", "b"))).eval()
    card = Card(name="x", architecture="resnet18", build={"blur_pool": True}, classes=("a", "b"))
    save_model(tmp_path / "m.safetensors", task, card)
    assert torch.equal(load_model(tmp_path / "m.safetensors").task(IMAGES), task(IMAGES))
    program = torch.export.export(task, (IMAGES,)).module()
    torch.testing.assert_close(program(IMAGES), task(IMAGES))


def test_whether_a_network_blurs() -> None:
    assert not blurs(build("mobilenet_v2_035"))
    assert blurs(copy.deepcopy(build("mobilenet_v2_035", blur_pool=True)))


@pytest.mark.slow
@pytest.mark.skipif(compiler() is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_compiled_it_gives_the_same() -> None:
    torch.manual_seed(0)
    network = build("resnet20", blur_pool=True).train()
    images = IMAGES[..., :32, :32]
    expected = network(images)[network.stages[-1].name]
    torch.testing.assert_close(torch.compile(network)(images)[network.stages[-1].name], expected, rtol=1e-4, atol=1e-4)
