"""What a new run cannot begin with, said before any image is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from plusx.backbones.catalogue import architecture
from plusx.backbones.create import build
from plusx.core.errors import InputError, unknown
from plusx.engine.device import candidates, compiler, find_device
from plusx.tasks.create import WITH_HEADS, create, heads_of
from plusx.weights.create import card_for, check_model
from plusx.weights.download import fetch, local_path
from plusx.weights.resolve import published_card
from plusx.workflows.building import choose_build, stride_for
from plusx.workflows.choosing_loss import check_losses
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.strategies import check_strategy
from plusx.workflows.task_settings import head_config
from plusx.workflows.weights import download_bar


def check_start(settings: FitSettings) -> None:
    """InputError for names, weight files, devices and precisions that are not there, and for what does not go together.

    Downloads nothing.
    """
    card = published_card(settings.model, settings.weights)
    if card is None and settings.weights is not None:
        _check_file(Path(settings.weights).expanduser())
    _check_network(settings, settings.model if card is None else card.architecture)
    check_head(settings, settings.task)
    pretrained = card is not None or settings.weights is not None
    check_strategy(settings, pretrained)
    candidates(find_device(settings.device), settings.precision)
    if settings.compile == "yes" and settings.recompute:
        raise InputError(
            "--compile yes and --recompute exclude each other: a compiled network decides by itself what to keep."
        )
    if settings.compile == "yes" and compiler() is None:
        raise InputError("--compile yes needs a C++ compiler, and none was found: install g++, or leave it away.")


def fetch_start(settings: FitSettings) -> None:
    """Downloads the published weights where they are not here yet, with a bar, and compares those that are here with
    their digest. OfflineError and WeightsError where that fails."""
    card = published_card(settings.model, settings.weights)
    if card is None or not (card.source.url or card.source.repository):
        return
    if local_path(card, settings.weights_dir).is_file():
        fetch(card, settings.weights_dir)
        return
    with download_bar(card.name) as progress:
        fetch(card, settings.weights_dir, progress=progress)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"--weights {path} is a directory. Name the file in it, such as {path / 'model.safetensors'}.")
    if not path.is_file():
        raise InputError(
            f"--weights {path}: there is no such file. Give another, or imagenet, or a name from `plusx models NAME`."
        )


def _check_network(settings: FitSettings, name: str) -> None:
    """`name`: the architecture. Reads a local file, but not into a network."""
    small = settings.small_input == "yes"
    if small and "small_input" not in architecture(name).settings:
        raise InputError(f"--small-input yes: {name} is built for small images already. Leave it away.")
    check_model(settings.model, settings.weights, **({"small_input": True} if small else {}))


LARGE = 256
"""Pixels of a side, beyond what is small for any network: what dense tasks take unless told otherwise."""


def check_head(settings: FitSettings, task: str) -> None:
    """InputError for a head, or losses, that the task does not have, and for a head that the network cannot carry.

    task: "auto" where the data have not been seen; then whatever any task has will do.
    """
    if settings.head is not None and (task == "auto" or task in WITH_HEADS):
        its = next((other for other in WITH_HEADS if settings.head in heads_of(other)), None)
        if task == "auto" and its is None:
            raise unknown("head", settings.head, dict.fromkeys(head for one in WITH_HEADS for head in heads_of(one)))
        if task in WITH_HEADS and its is not None and settings.head not in heads_of(task):
            known = ", ".join(heads_of(task))
            raise InputError(f"--head {settings.head} is of the task {its}; here it is {task}, whose heads are {known}")
    check_losses(task, settings.losses)
    if task in WITH_HEADS:
        config = {"classes": ["any"], **head_config(task, settings)}
        origin = card_for(settings.model, settings.weights)
        network = architecture(origin.architecture if origin else settings.model)
        pretrained = origin is not None or settings.weights is not None
        changes = choose_build(settings, network, pretrained, settings.image_size or LARGE) | stride_for(task, config)
        built = {**(origin.build if origin else {}), **changes}
        error = _carries(task, network.name, built, config)
        if error and changes.get("small_input") and not _carries(task, network.name, built | LARGE_INPUT, config):
            raise InputError(f"{error}. For images this small that is --small-input no") from error
        if error:
            raise error


LARGE_INPUT = {"small_input": False}


def _carries(task: str, network: str, built: Mapping[str, Any], config: Mapping[str, Any]) -> InputError | None:
    """Why there is no such task on such a network, if there is none."""
    try:
        with torch.device("meta"):  # shapes alone
            create(task, build(network, **built), config)
    except InputError as error:
        return error
    return None
