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
