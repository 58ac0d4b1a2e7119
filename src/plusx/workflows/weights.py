"""weights: what a set of weights is and where its file lies; download it, or write it for another library.

For published weights no torch is needed; to look into files it is, which is another file's work.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from plusx.backbones.catalogue import architecture, best_card, card
from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.weights.download import address, fetch, local_path
from plusx.weights.transfer import Progress as Transfer
from plusx.workflows.directory import model_file
from plusx.workflows.models import facts_of, published
from plusx.workflows.settings import WeightsSettings
from plusx.workflows.signature import takes
from plusx.workflows.values import read_settings

_SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".th", ".bin", ".ckpt", ".tar", ".h5", ".keras", ".onnx")


@dataclass(frozen=True)
class Description:
    """What is known of a set of weights, in the order in which it is shown. `path`: the file, where there is one."""

    name: str
    facts: Mapping[str, str]
    path: Path | None

    def lines(self) -> Iterator[str]:
        width = max(map(len, self.facts))
        yield self.name
        yield from (f"  {key:{width}}  {value}" for key, value in self.facts.items())


@takes(WeightsSettings)
def describe_weights(name: str | Path, **settings: Any) -> Description:
    """A card's name (`resnet50.a1_in1k`), an architecture (its best permissive card), a run directory or any file.

    With `download` the file is fetched; with `to` and `out` the weights are written under that library's names.
    InputError for unknown names and paths, WeightsError for damaged files, OfflineError without network.
    """
    options = read_settings(WeightsSettings, settings)
    if (options.to is None) != (options.out is None):
        raise InputError("`to` and `out` belong together: --to torchvision --out resnet.pth")
    if options.out is not None and options.out.exists():
        raise InputError(f"{options.out} exists. Give another --out, or delete it.")
    path = existing_file(name)
    return describe_card(wanted(str(name)), options) if path is None else describe_file(path, options)


def describe_card(meant: Card, options: WeightsSettings) -> Description:
    """Published weights; their file is fetched where `options` ask for it."""
    path = local_path(meant, options.weights_dir)
    if options.download or options.to is not None:
        with download_bar(meant.name) as transfer:
            path = fetch(meant, options.weights_dir, progress=transfer)
    facts = {**facts_of(meant), "from": address(meant.source), "file": str(path)}
    if not path.is_file():
        facts["file"] += f" (not here yet: plusx weights {meant.name} --download)"
    if options.to is not None and options.out is not None:
        from plusx.workflows.weight_files import convert_card  # torch: seconds

        facts["written"] = convert_card(meant, path, options.to, options.out)
    return Description(meant.name, facts, path if path.is_file() else None)


def describe_file(path: Path, options: WeightsSettings) -> Description:
    """A file in any layout, recognised by its content."""
    if options.download:
        raise InputError(f"{path} is here already; --download is for names such as resnet50.a1_in1k")
    from plusx.workflows.weight_files import convert_file, facts_of_file  # torch: seconds

    facts = facts_of_file(path)
    if options.to is not None and options.out is not None:
        facts["written"] = convert_file(path, options.to, options.out)
    return Description(str(path), facts, path)


def existing_file(name: str | Path) -> Path | None:
    """The file that is meant; None for the name of published weights. InputError for a path that leads nowhere."""
    path = Path(name).expanduser()
    if path.is_dir():
        return model_file(path)
    if path.is_file():
        return path
    if isinstance(name, Path) or len(path.parts) > 1 or path.suffix in _SUFFIXES:
        raise InputError(f"{path} does not exist. Give a file, a run directory or a name such as resnet50.a1_in1k.")
    return None


def wanted(name: str) -> Card:
    """The card of that name; of an architecture the best that may be used freely, or else its best."""
    if "." in name:
        return card(name)
    meant = architecture(name).name
    found = [one for one in published(meant) if one.architecture == meant]
    if not found:
        raise InputError(f"{name} has no published weights; train it from scratch.")
    return best_card(name) if any(one.permissive and one.vocabulary == "imagenet-1k" for one in found) else found[0]


@contextlib.contextmanager
def download_bar(name: str) -> Iterator[Transfer]:
    """Yields a function to be called with (bytes here, bytes in all)."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        row = bar.add_task(name, total=None)

        def progress(here: int, total: int | None) -> None:
            bar.update(row, completed=here, total=total)

        yield progress
