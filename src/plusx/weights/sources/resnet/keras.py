"""Keras' names of ResNet v1 and v2 (keras/src/applications/resnet.py).

conv1_conv, conv1_bn; conv2_block1_1_conv, conv2_block1_1_bn, ...; shortcut conv2_block1_0_conv; pre-activation
conv2_block1_preact_bn, at the end post_bn; predictions (`probs` in the published files).
"""

from collections.abc import Sequence

from plusx.weights.sources.keras import (
    HEADS,
    VARIABLES,
    keras_layout,
    kernel_sizes,
    numbered,
    with_layers_renamed,
)
from plusx.weights.sources.layout import Tensors, one_by_one
from plusx.weights.sources.resnet.place import Place, by_place


def names(place: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`; the count of batches has none."""
    variable = VARIABLES.get(place.kind, {}).get(place.variable)
    if variable is None:
        return ()
    suffix = "conv" if place.kind == "conv" else "bn"
    block = f"conv{place.stage}_block{place.block}"
    match place.role:
        case "stem":
            layers: tuple[str, ...] = (f"conv1_{suffix}",)
        case "F":
            layers = (f"{block}_{place.layer}_{suffix}",)
        case "shortcut":
            layers = (f"{block}_0_{suffix}",)
        case "preact":
            layers = (f"{block}_preact_bn",)
        case "final":
            layers = ("post_bn",)
        case "head":
            layers = HEADS
        case "se":
            return ()
    return tuple(f"{layer}/{variable}" for layer in layers)


def recognise(tensors: Tensors) -> bool:
    """Names of Keras' first layers, or where the file tells none the kernels of bottlenecks, one after the other."""
    if "conv1_conv/kernel" in tensors:
        return True
    kernels = kernel_sizes(tensors, numbered(tensors, "conv2d"))
    usual = [3 if layer.endswith("_2_conv") else 1 for layer in convolution_order(kernels)[1:]]
    return 3 in usual and kernels == [7, *usual]


def ordered(tensors: Tensors) -> Tensors:
    """Numbered layers (`conv2d_3`) under their names, by the order in which Keras lists the layers of its models."""
    if "conv1_conv/kernel" in tensors:
        return tensors
    convolutions, norms = numbered(tensors, "conv2d"), numbered(tensors, "batch_normalization")
    layers = convolution_order(kernel_sizes(tensors, convolutions))
    renamed = dict(zip(convolutions, layers, strict=True))
    renamed |= dict(zip(norms, norm_order(layers, preact=len(norms) < len(layers)), strict=False))
    return with_layers_renamed(tensors, renamed)


def convolution_order(kernels: Sequence[int]) -> list[str]:
    """The names of convolutions with kernels of these sizes: 7; then 1, 3, 1 a block, a 1 more where a stage begins.

    Keras lists a projection (`_0_conv`) between the second and the third convolution of its block.
    """
    names, stage, number = ["conv1_conv"], 1, 0
    threes = [index for index, size in enumerate(kernels) if size == 3]
    for index, following in zip(threes, [*threes[1:], len(kernels) + 1], strict=False):
        projects = following - index == 4
        stage, number = (stage + 1, 1) if projects else (stage, number + 1)
        names += [f"conv{stage}_block{number}_{layer}_conv" for layer in ("1", "2", *("0" if projects else ""), "3")]
    return names


def norm_order(convolutions: Sequence[str], *, preact: bool) -> list[str]:
    """The names of the normalisations between convolutions of these names."""
    if not preact:
        return [f"{name.removesuffix('conv')}bn" for name in convolutions]
    names = []
    for name in convolutions:
        block, _, layer = name.removesuffix("_conv").rpartition("_")
        if layer == "1":
            names.append(f"{block}_preact_bn")
        if block and layer in ("1", "2"):
            names.append(f"{block}_{layer}_bn")
    return [*names, "post_bn"]


LAYOUT = keras_layout(frozenset({"resnet", "preact"}), recognise, one_by_one(by_place(names)), ordered=ordered)
