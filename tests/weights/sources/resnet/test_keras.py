"""The order in which Keras lists the layers of its ResNets."""

import pytest

from keras_models import NETWORKS, QUIET, application, quick_first
from plusx.weights.sources.resnet.keras import convolution_order, norm_order

pytestmark = QUIET
NAMES = quick_first(name for name in NETWORKS if name.startswith("resnet"))


@pytest.mark.parametrize("name", NAMES)
def test_order_of_layers_is_that_of_keras(name: str) -> None:
    layers = application(NETWORKS[name][0], (64, 64)).layers
    kernels = [layer.kernel.shape[0] for layer in layers if layer.name.endswith("conv")]
    found = convolution_order(kernels)
    assert found == [layer.name for layer in layers if layer.name.endswith("_conv")]
    norms = norm_order(found, preact=name.endswith("_v2"))
    assert norms == [layer.name for layer in layers if layer.name.endswith("_bn")]
