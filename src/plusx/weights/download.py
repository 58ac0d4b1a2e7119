"""Published weights into the cache directory: resumable, checked, and whole or not at all."""

import hashlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from plusx.core.card import Card, Source
from plusx.core.errors import InputError, OfflineError, StorageError, WeightsError
from plusx.core.locking import locked
from plusx.weights.transfer import Progress, TransferError, accept, forget, receive

HUB: Final = "https://huggingface.co"


def weights_directory() -> Path:
    """Where weights are kept: `PLUSX_WEIGHTS` where set, else `plusx/weights` in the user's cache directory.

    The cache directory is `XDG_CACHE_HOME` where set, else `~/.cache`.
    """
    if chosen := os.environ.get("PLUSX_WEIGHTS"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "plusx" / "weights"


def local_path(card: Card, directory: Path | None = None) -> Path:
    """The file of a card, there or not. A file of the published name, put there by hand, is found too.

    `resnet50.a1_in1k.safetensors` is plusx's own name; published are `resnet50-0676ba61.pth` for a URL, and
    `timm/resnet50.a1_in1k/model.safetensors` for a file of a model hub repository.
    """
    folder = directory or weights_directory()
    published = Path(_filename(card.source))
    own = folder / f"{card.name}{published.suffix}"
    by_hand = folder / card.source.repository / published
    return by_hand if by_hand.is_file() and not own.is_file() else own


def address(source: Source) -> str:
    """Where a card's file is published: its URL, or the file's address in its model hub repository.

    `HF_ENDPOINT` names another hub, as it does for the hub's own library.
    """
    if source.repository:
        hub = os.environ.get("HF_ENDPOINT") or HUB
        return f"{hub.rstrip('/')}/{quote(source.repository)}/resolve/main/{quote(_filename(source))}"
    if urlsplit(source.url).scheme not in ("https", "http"):
        raise InputError(f"These weights have no web address ({source.url!r}); give the path of a local file instead.")
    return source.url


def fetch(card: Card, directory: Path | None = None, *, progress: Progress | None = None) -> Path:
    """The checked file of a card, downloaded where it is not there yet; `directory` defaults to `weights_directory()`.

    Any number of processes may ask at once: one downloads, the others wait. Raises `OfflineError` where the server
    cannot be reached, saying which file to put where; `WeightsError` where a file has another sha256 than the
    published one; `StorageError` where it cannot be written.
    """
    path = local_path(card, directory)
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.with_name(f".{path.name}.lock")):
                if not path.is_file():
                    _download(card, path, progress or _silent)
            return path
        except OSError as error:
            if isinstance(error, OfflineError):
                raise
            raise StorageError(
                f"{path} could not be written: {error.strerror or error}. Free some space, or set PLUSX_WEIGHTS to "
                "another directory. What has arrived so far is kept."
            ) from error
    if (digest := _other_digest(card, path)) is not None:
        raise WeightsError(
            f"{path} has sha256 {digest}; {card.name} was published with {card.source.sha256}. Delete it to download "
            "it again."
        )
    return path


def _download(card: Card, path: Path, progress: Progress) -> None:
    url = address(card.source)
    part = path.with_name(f"{path.name}.part")
    try:
        receive(url, part, progress)
    except TransferError as error:
        raise OfflineError(
            f"{card.name} could not be downloaded: {error}. Get {url} on a machine that can, and put it here: {path} "
            "(or set PLUSX_WEIGHTS to the directory that holds it)."
        ) from error
    if (digest := _other_digest(card, part)) is not None:
        forget(part)
        raise WeightsError(
            f"{url} gave a file with sha256 {digest}; {card.name} was published with {card.source.sha256}. It was "
            "deleted. Try again, or get the file from another mirror."
        )
    accept(part, path)


def _other_digest(card: Card, path: Path) -> str | None:
    """The file's sha256 where it does not begin with the published one; None where all is well."""
    if not card.source.sha256:
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest.startswith(card.source.sha256.lower()) else digest


def _filename(source: Source) -> str:
    return source.filename or Path(unquote(urlsplit(source.url).path)).name or "model.safetensors"


def _silent(there: int, total: int | None) -> None:
    """No progress shown."""
