"""plusx's own names: a task's (`backbone.conv1.conv.weight`, `head.fc.weight`)."""

from plusx.weights.sources.layout import Layout, Tensors, one_by_one


def names(tensor: str) -> tuple[str, ...]:
    """The name itself."""
    return (tensor,)


def recognise(tensors: Tensors) -> bool:
    """A task's backbone."""
    return any(name.startswith("backbone.") for name in tensors)


def is_head(name: str) -> bool:
    """All that is not the backbone's."""
    return name.startswith("head.")


LAYOUT = Layout("plusx", frozenset(), recognise, one_by_one(names), is_head=is_head)
