"""All layouts, and which one a file has."""

from typing import Final

from plusx.weights.sources import densenet, faster_rcnn, plusx, segmentation, shufflenet_v2, smp
from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.mobilenet import keras as keras_mobilenet
from plusx.weights.sources.mobilenet import timm as timm_mobilenet
from plusx.weights.sources.mobilenet import torchvision as torchvision_mobilenet
from plusx.weights.sources.resnet import cifar, keras, resnet_d, senet, timm, torchvision
from plusx.weights.sources.xception import keras as keras_xception
from plusx.weights.sources.xception import timm as timm_xception

LAYOUTS: Final = (
    faster_rcnn.LAYOUT,
    faster_rcnn.RETINANET,
    segmentation.FCN,
    faster_rcnn.MOBILENET,
    segmentation.DEEPLABV3,
    segmentation.MOBILE_DEEPLABV3,
    segmentation.LRASPP,
    smp.DEEPLABV3_PLUS,
    smp.UNET,  # before plusx's, whose names begin with `backbone.` too
    plusx.LAYOUT,
    keras_xception.LAYOUT,
    timm_xception.LAYOUT,
    timm_xception.ALIGNED_LAYOUT,
    keras_mobilenet.V1,
    keras_mobilenet.V2,
    keras_mobilenet.V3,
    timm_mobilenet.V1,
    timm_mobilenet.V2,
    timm_mobilenet.V3,
    timm_mobilenet.V3_TENSORFLOW,
    torchvision_mobilenet.V2,
    torchvision_mobilenet.V3,
    densenet.KERAS,
    densenet.TORCHVISION,
    densenet.TIMM,
    keras.LAYOUT,
    timm.LAYOUT,
    senet.LAYOUT,
    senet.LEGACY_RESNET,
    senet.LEGACY_RESNEXT,
    resnet_d.LAYOUT,
    torchvision.LAYOUT,
    timm.RESNET,
    cifar.LINEAR,
    cifar.FC,
    shufflenet_v2.LAYOUT,
)


def recognise(tensors: Tensors) -> Layout | None:
    """The layout that the names and shapes are in; None for other networks."""
    return next((layout for layout in LAYOUTS if layout.recognise(tensors)), None)
