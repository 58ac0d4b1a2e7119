"""Names of the classes of public data sets, in the order of the outputs of networks trained on them."""

from typing import Final

VOCABULARY_SIZES: Final = {"imagenet-1k": 1000, "cifar-10": 10, "cifar-100": 100}
_CIFAR: Final = {
    "cifar-10": "airplane automobile bird cat deer dog frog horse ship truck",
    "cifar-100": """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
    """,
}


def vocabulary(name: str) -> tuple[str, ...] | None:
    """The class names of "imagenet-1k", "cifar-10" or "cifar-100"; None for others.

    Those of ImageNet come with torchvision's weights, whose import takes a second or two.
    """
    if name == "imagenet-1k":
        from torchvision.models import ResNet50_Weights

        return tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
    return tuple(_CIFAR[name].split()) if name in _CIFAR else None


def dense_vocabulary(task: str, classes: int) -> tuple[str, ...] | None:
    """The class names that torchvision's weights for boxes (90, of COCO) or masks (21, of Pascal VOC) have in that
    order, where a file has as many; None for others.

    COCO's numbers leave some out, for which its networks have outputs all the same: "unused 12".
    """
    if (task, classes) == ("detect", 90):
        from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

        names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"][1:]
        return tuple(f"unused {number}" if name == "N/A" else name for number, name in enumerate(names, 1))
    if (task, classes) == ("segment", 21):
        from torchvision.models.segmentation import FCN_ResNet50_Weights

        return ("background", *FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"][1:])
    return None
