"""Weight files on the disk: what they hold, and the same weights under another library's names. Needs torch."""

from pathlib import Path

from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.weights.counterparts import LayoutName
from plusx.weights.create import create_model
from plusx.weights.dense import own_head
from plusx.weights.export_keys import save_as
from plusx.weights.local import Loaded, load
from plusx.weights.modelfile import load_model
from plusx.weights.vocabularies import VOCABULARY_SIZES
from plusx.workflows.models import abbreviated, facts_of

_SHOWN = 12  # class names


def facts_of_file(path: Path) -> dict[str, str]:
    """What a file in any known layout holds; WeightsError for others and for damaged ones."""
    loaded = load(path)
    tensors, header = loaded.checkpoint.tensors, loaded.checkpoint.header
    facts: dict[str, str] = {"layout": loaded.layout.name}
    if header is not None:
        facts |= {"task": header.task, **facts_of(header.card)}
    numbers = sum(tensor.numel() for tensor in tensors.values())
    facts["tensors"] = f"{len(tensors)}, {abbreviated(numbers)} numbers"
    facts["outputs"] = outputs_of(loaded)
    if header is not None and (names := header.card.classes):
        facts["classes"] = ", ".join(names[:_SHOWN]) + (f", and {len(names) - _SHOWN} more" if names[_SHOWN:] else "")
    return facts


def outputs_of(loaded: Loaded) -> str:
    """How many, and under boxes and masks of which head."""
    own = own_head(loaded)
    if own is not None:
        return f"{len(own.classes)} classes, head {own.name} (--task {own.task})"
    return "none: the file has no head that plusx has" if loaded.head is None else str(loaded.head)


def convert_card(meant: Card, path: Path, to: LayoutName, out: Path) -> str:
    """Published weights, whose file is `path`, as `out`; says what was written."""
    task = create_model(meant.name, classes=VOCABULARY_SIZES[meant.vocabulary], weights=path)
    return written(task, meant, to, out)


def convert_file(path: Path, to: LayoutName, out: Path) -> str:
    """The model of a plusx model file as `out`; says what was written. InputError for other libraries' files."""
    if load(path).checkpoint.header is None:
        raise InputError(
            f"{path} does not say which architecture it holds. `to` takes runs, plusx model files and published "
            "weights by name."
        )
    model = load_model(path)
    return written(model.task, model.card, to, out)


def written(task: Task, made: Card, to: LayoutName, out: Path) -> str:
    """Writes the file; says how the library builds the network that it is for."""
    name = save_as(out, task, to, made)
    if type(task).dense:
        classes = len(task.config()["classes"])
        background = 1 if task.name == "detect" else 0  # a class of its own there, the first
        return f"{out}, for {to}'s {name} with num_classes={classes + background}"
    outputs = len(task.state_dict()["head.fc.bias"])
    channels = f", in_chans={made.input.channels}" if made.input.channels != 3 else ""  # timm's word; none elsewhere
    return f"{out}, for {to}'s {name} with num_classes={outputs}{channels}"
