"""What every segmentation head promises: walks the table of heads."""

import pytest
import torch
from torch import Tensor, nn

from dense import trained
from plusx.core.backbone import Backbone
from plusx.tasks.segment import HEADS

STRIDES = {
    "fcn": 32,
    "fcn32s": 32,
    "fcn16s": 16,
    "fcn8s": 8,
    "unet": 1,
    "unet-paper": 1,
    "deeplabv3": 32,
    "deeplabv3+": 4,
    "lraspp": 8,
}
"""Of the logits, on a backbone of strides 2 to 32."""

every_head = pytest.mark.parametrize("name", list(HEADS))


class Network(nn.Module):
    def __init__(self, name: str, backbone: Backbone, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = HEADS[name].build(backbone.stages, 3, dropout=dropout)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))


@every_head
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (35, 33)])
def test_logits_are_on_the_heads_grid(name: str, backbone: Backbone, size: tuple[int, int]) -> None:
    features = backbone(torch.randn(2, 3, *size))
    logits = HEADS[name].build(backbone.stages, 3, dropout=0.0)(features)
    if STRIDES[name] == 1:
        assert logits.shape[2:] == tuple(side + side % 2 for side in size)
    else:
        stage = next(stage for stage in backbone.stages if stage.stride == STRIDES[name])
        assert logits.shape[2:] == features[stage.name].shape[2:]
    assert logits.shape[:2] == (2, 3)


@every_head
def test_every_parameter_learns(name: str, backbone: Backbone) -> None:
    network = trained(Network(name, backbone))
    for key, parameter in network.named_parameters():
        if "score" in key:
            nn.init.normal_(parameter)
    network(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@every_head
def test_classes_begin_about_equally_likely(name: str, backbone: Backbone) -> None:
    logits = Network(name, backbone)(torch.randn(2, 3, 64, 64))
    assert logits.std() < 0.6
    assert logits.mean(dim=(0, 2, 3)).abs().max() < 0.6


@every_head
def test_dropout_is_in_training_alone(name: str, backbone: Backbone) -> None:
    network, images = Network(name, backbone, dropout=0.5), torch.randn(2, 3, 64, 64)
    assert not torch.equal(network(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


@every_head
def test_it_overfits_one_batch(name: str, backbone: Backbone) -> None:
    network = Network(name, backbone)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    stride = STRIDES[name]
    masks = blocks(stride)
    steps, rate = (120, 0.02) if name == "unet-paper" else (50, 0.01)  # here that head ends on 8 maps without a skip
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def blocks(stride: int) -> Tensor:
    """Random classes of squares of 16 pixels, or of single points of a coarser grid: B, 64 / stride, 64 / stride."""
    points = 64 // max(stride, 16)
    coarse = torch.randint(0, 3, (2, points, points), generator=torch.Generator().manual_seed(2))
    times = 64 // stride // points
    return coarse.repeat_interleave(times, 1).repeat_interleave(times, 2)


@every_head
def test_it_exports_with_any_batch_size(name: str, backbone: Backbone) -> None:
    network = trained(Network(name, backbone)).eval()
    images = torch.randn(4, 3, 65, 97)
    graph = torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    for batch in (images, images[:1]):
        torch.testing.assert_close(graph(batch), network(batch))
