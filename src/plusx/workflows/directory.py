"""The run directory: which file lies where, and that one process at a time writes there. Needs no torch."""

import contextlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, StorageError
from plusx.core.locking import locked_at_once
from plusx.core.storage import clear_leftovers, write_text
from plusx.deploy.files import SUFFIXES, WRITTEN


def write_json(path: Path, values: Any) -> None:
    """Indented JSON in UTF-8; paths become text."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n")


class RunDirectory:
    """Names of the files of one run; creates nothing by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path / "settings.json"
        self.environment = path / "environment.json"
        self.data = path / "data.json"
        self.split = path / "split.csv"
        self.audit = path / "audit.json"
        self.audit_page = path / "audit.html"
        self.metrics = path / "metrics.json"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model.safetensors"
        self.onnx = path / "model.onnx"
        self.report = path / "report.html"
        self.exported = tuple(path / f"model{suffix}" for suffix in WRITTEN)
        self.curves = path / "metrics.jsonl", path / "tensorboard"
        self.rate_finder = path / "rate-finder.svg", path / "rate-finder.json"
        self.lock = path / ".lock"

    def written(self) -> tuple[Path, ...]:
        """All that a run leaves behind."""
        facts = (self.settings, self.environment, self.data, self.split, self.audit, self.audit_page)
        return (
            *facts,
            *self.rate_finder,
            self.metrics,
            *self.curves,
            self.checkpoints,
            self.model,
            *self.exported,
            self.report,
        )

    def unbegun(self) -> bool:
        """Whether it holds nothing but what a run writes before it has begun: it was stopped in that moment."""
        begun = {
            one.name for one in (self.settings, self.metrics, self.model, self.report, *self.exported, *self.curves)
        }
        early = {one.name for one in (*self.written(), self.lock)} - begun
        found = {entry.name for entry in self.path.iterdir() if not _is_temporary(entry)}
        return self.checkpoints.name in found <= early and not any(self.checkpoints.iterdir())

    def clear_leftovers(self) -> None:
        """Takes away what a killed process left half written; the run is held."""
        clear_leftovers(self.path, [one.name for one in self.written()])

    def read_json(self, file: Path) -> dict[str, Any]:
        """The content of one of the JSON files; InputError when this is no run directory, or the file is damaged."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"{self.path} is not a run directory: it has no {file.name}. Give the directory that `plusx fit` wrote."
            ) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file} is damaged: {error}. Delete the run and start again.") from None
        if not isinstance(content, dict):
            raise InputError(f"{file} is damaged: it holds no object. Delete the run and start again.")
        return content

    def without_model(self) -> InputError:
        """What to say of a directory that holds no model: an unfinished run, or none at all."""
        if not self.settings.is_file():
            return InputError(
                f"{self.path} is not a run directory: it has neither {self.settings.name} nor {self.model.name}. "
                "Give the directory that `plusx fit` wrote."
            )
        return InputError(
            f"The run in {self.path} is unfinished: it has no {self.model.name} yet. Wait for the process that trains "
            f"in it; or, where none does, finish it with: plusx fit --resume {shlex.quote(str(self.path))}"
        )


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.count(".") == 3


def model_file(path: Path) -> Path:
    """That of a run directory, or the file itself. InputError where there is neither, and for a directory without."""
    if path.is_file():
        if path.suffix in SUFFIXES.values():
            raise InputError(
                f"{path} is an exported file, and a model file is needed. Give the run it comes from, or that run's "
                "model.safetensors."
            )
        return path
    if not path.is_dir():
        raise InputError(f"There is no run {path}. Give the directory that `plusx fit` wrote, or a model file.")
    run = RunDirectory(path)
    if not run.model.is_file():
        raise run.without_model()
    return run.model


def place_for(out: Path | None, overwrite: bool, name: str) -> RunDirectory:
    """Where a new run may go: `out`, or the first free one of runs/<name>, runs/<name>-2, ... Creates nothing.

    InputError if `out` holds anything and `overwrite` was not said, or holds something that is no run, or is no text.
    StorageError where no directory can be made.
    """
    path = out if out is not None else _free(Path("runs"), name)
    _check_text(path)
    _check_parent(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; --out needs the name of a directory")
    if path.is_dir() and any(path.iterdir()) and not RunDirectory(path).unbegun():
        if not (path / "settings.json").is_file():
            raise InputError(
                f"{path} holds files but no settings.json: it is not a run, and --overwrite leaves it alone. "
                "Give another --out."
            )
        if not overwrite:
            raise InputError(
                f"{path} exists and is not empty. Give another --out, say --overwrite, or go on with --resume {path}"
            )
    return RunDirectory(path)


def _check_text(path: Path) -> None:
    """Other libraries write below the run, and take names for UTF-8."""
    place = path.absolute()
    try:
        str(place).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(place).decode("utf-8", "backslashreplace")
        raise InputError(
            f"{shown} cannot hold a run: Python reads names of files as "
            f"{sys.getfilesystemencoding()} here, and this one is none. Set PYTHONUTF8=1, or give another --out."
        ) from None


def _check_parent(path: Path) -> None:
    """What `create` would meet, said before any image is read."""
    parent = next(one for one in path.absolute().parents if one.exists())
    if not parent.is_dir():
        raise StorageError(f"{path} cannot be created: {parent} is a file. Give another place with --out.")
    if not path.exists() and not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"{path} cannot be created: {parent} may not be written to. Give another --out.")


def create(run: RunDirectory, *, overwrite: bool = False, fixed: bool = True) -> RunDirectory:
    """Makes the directory, and in it that of the checkpoints; with `overwrite` it takes away what an older run left.

    Where another run has come first, a name that is not `fixed` gets a number, and a fixed one is an InputError.
    StorageError where a directory cannot be made.
    """
    try:
        if overwrite and run.path.is_dir():
            with held(run):
                for entry in run.written():
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink(missing_ok=True)
        unbegun = fixed and run.path.is_dir() and run.checkpoints.is_dir() and run.unbegun()
        run.checkpoints.mkdir(parents=True, exist_ok=unbegun)
    except FileExistsError:
        if fixed:
            raise InputError(f"{run.path} was taken by another run in the meantime. Give another --out.") from None
        return create(RunDirectory(_free(run.path.parent, run.path.name)), fixed=False)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{run.path} could not be created: {error.strerror}. Give another place with --out."
        ) from error
    return run


@contextlib.contextmanager
def held(run: RunDirectory) -> Iterator[None]:
    """Nobody else writes into the run meanwhile; InputError where another process does.

    StorageError where nothing can be written there. File systems without locks are let off.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked_at_once(run.lock))
        except BlockingIOError:
            raise InputError(
                f"Another process is training in {run.path}. Wait for it or stop it, or give another --out."
            ) from None
        except OSError as error:
            raise StorageError(f"{run.path} could not be written to: {error.strerror}.") from error
        yield


def _free(parent: Path, name: str) -> Path:
    candidate, number = parent / name, 1
    while candidate.exists():
        number += 1
        candidate = parent / f"{name}-{number}"
    return candidate
