"""Pyramids: from the stages of a backbone to maps of one width, each with what coarser and finer ones know.

Lin et al. 2017, Feature Pyramid Networks (arXiv 1612.03144), section 3: P_i = conv3×3(C'_i + P'_{i+1} enlarged), C' the
maps brought to one width. Liu et al. 2018, Path Aggregation Network (arXiv 1803.01534), section 3.1: a second way back,
N_{i+1} = conv3×3(P_{i+1} + N_i by stride 2). Levels are named after their stride: p3 has 2³ = 8.

A coarser map is enlarged to the size of the finer one by repeating points, whatever that size: 13 points beside 7.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias, final

from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act, with_bias
from plusx.nn.init import kaiming_fan_out_

Extra: TypeAlias = Literal["none", "pool", "conv"]


def deepest(stages: Sequence[Stage]) -> dict[int, Stage]:
    """Stride -> the last stage that has it, as in section 3 of the FPN paper; stride 1 upwards."""
    return {stage.stride: stage for stage in stages}


def levels(strides: Sequence[int], channels: int) -> tuple[Stage, ...]:
    """Names, widths and strides of a pyramid. InputError unless every stride is twice the one before."""
    if not strides or any(b != 2 * a for a, b in pairwise(strides)) or strides[0].bit_count() > 1:
        raise InputError(f"a pyramid has the strides {tuple(strides)}; expected powers of two, each twice the last one")
    return tuple(Stage(f"p{stride.bit_length() - 1}", channels, stride) for stride in strides)


@final
class FPN(nn.Module):
    """As the paper has it: convolutions with bias, without normalisation and activation.

    strides: stages of these must be there. extra: one more level, of twice the last stride: every second point of the
    last one ("pool", the paper's footnote 2 and Faster R-CNN) or a 3×3 convolution of stride 2 ("conv", RetinaNet).
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        channels: int = 256,
        strides: Sequence[int] = (4, 8, 16, 32),
        extra: Extra = "none",
    ) -> None:
        super().__init__()
        found = deepest(stages)
        if missing := [stride for stride in strides if stride not in found]:
            raise InputError(f"the pyramid needs stages of the strides {missing}; the network has {sorted(found)}")
        self.sources = tuple(found[stride] for stride in strides)
        self.stages = levels(strides if extra == "none" else (*strides, 2 * strides[-1]), channels)
        self.extra = extra
        self.lateral = nn.ModuleList(with_bias(conv(stage.channels, channels, 1)) for stage in self.sources)
        self.output = nn.ModuleList(with_bias(conv(channels, channels, 3)) for _ in self.sources)
        self.last = with_bias(conv(channels, channels, 3, stride=2)) if extra == "conv" else None
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_uniform_(part.weight, a=1)

    def forward(self, features: Features) -> Features:
        """Maps p2, p3, ... (B, channels, H / stride, W / stride), finest first."""
        maps = [lateral(features[stage.name]) for lateral, stage in zip(self.lateral, self.sources, strict=True)]
        _add_coarser_(maps)
        outputs = [output(x) for output, x in zip(self.output, maps, strict=True)]
        if self.last is not None:
            outputs.append(self.last(outputs[-1]))
        elif self.extra == "pool":
            outputs.append(max_pool2d(outputs[-1], kernel_size=1, stride=2))
        return {stage.name: x for stage, x in zip(self.stages, outputs, strict=True)}


@final
class PAN(nn.Module):
    """Both ways, every convolution with normalisation and ReLU.

    A stride that no stage has is made from the map before it by 3×3 convolutions of stride 2, so that any backbone
    will do that has a stage of the first stride or a finer one; else InputError.
    """

    def __init__(self, stages: Sequence[Stage], channels: int = 128, strides: Sequence[int] = (8, 16, 32)) -> None:
        super().__init__()
        self.stages = levels(strides, channels)
        self.sources: list[str | None] = []
        self.lateral = nn.ModuleList()
        found = deepest(stages)
        for stride in strides:
            if stride in found:
                self.sources.append(found[stride].name)
                self.lateral.append(conv_norm_act(conv(found[stride].channels, channels, 1)))
            else:
                source = None if self.sources else _finer(stages, stride)
                self.sources.append(None if source is None else source.name)
                self.lateral.append(_halved(source or Stage("", channels, stride // 2), channels, stride))
        self.output = nn.ModuleList(conv_norm_act(conv(channels, channels, 3)) for _ in strides)
        self.down = nn.ModuleList(conv_norm_act(conv(channels, channels, 3, stride=2)) for _ in strides[1:])
        self.fuse = nn.ModuleList(conv_norm_act(conv(channels, channels, 3)) for _ in strides[1:])
        kaiming_fan_out_(self)

    def forward(self, features: Features) -> Features:
        """Maps p3, p4, ... (B, channels, H / stride, W / stride), finest first."""
        maps: list[Tensor] = []
        for lateral, source in zip(self.lateral, self.sources, strict=True):
            maps.append(lateral(maps[-1] if source is None else features[source]))
        _add_coarser_(maps)
        maps = [output(x) for output, x in zip(self.output, maps, strict=True)]
        for i, (down, fuse) in enumerate(zip(self.down, self.fuse, strict=True)):
            maps[i + 1] = fuse(maps[i + 1] + down(maps[i]))
        return {stage.name: x for stage, x in zip(self.stages, maps, strict=True)}


def _add_coarser_(maps: list[Tensor]) -> None:
    """Top-down: every map becomes its sum with the next coarser one, enlarged to its size."""
    for i in reversed(range(len(maps) - 1)):
        maps[i] = maps[i] + interpolate(maps[i + 1], size=maps[i].shape[-2:], mode="nearest")


def _finer(stages: Sequence[Stage], stride: int) -> Stage:
    finer = [stage for stage in stages if stage.stride < stride]
    if not finer:
        raise InputError(
            f"the pyramid begins at stride {stride}, but the network's first stage has {stages[0].stride}. "
            f"Begin at {stages[0].stride}"
        )
    return finer[-1]


def _halved(source: Stage, channels: int, stride: int) -> nn.Sequential:
    """3×3 convolutions of stride 2 from the source's stride to this one."""
    steps = (stride // source.stride).bit_length() - 1
    widths = [source.channels] + [channels] * steps
    return nn.Sequential(*(conv_norm_act(conv(a, b, 3, stride=2)) for a, b in pairwise(widths)))
