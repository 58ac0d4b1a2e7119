"""The run directory: which file lies where. Needs no torch."""

import json
import shutil
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, StorageError
from plusx.core.storage import write_text


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
        self.metrics = path / "metrics.json"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model.safetensors"
        self.onnx = path / "model.onnx"
        self.report = path / "report.html"

    def read_json(self, file: Path) -> dict[str, Any]:
        """The content of one of the JSON files; InputError when this is no run directory."""
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"{self.path} is not a run directory: it has no {file.name}. Give the directory that `plusx fit` wrote."
            ) from None
        except json.JSONDecodeError as error:
            raise InputError(f"{file} is damaged: {error}. Delete the run and start again.") from None


def place_for(out: Path | None, overwrite: bool, name: str) -> RunDirectory:
    """Where a new run may go: `out`, or the first free one of runs/<name>, runs/<name>-2, ... Creates nothing.

    InputError if `out` holds anything and `overwrite` was not said, or holds something that is no run.
    """
    path = out if out is not None else _free(Path("runs"), name)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; --out needs the name of a directory")
    if path.is_dir() and any(path.iterdir()):
        if not overwrite:
            raise InputError(
                f"{path} exists and is not empty. Give another --out, say --overwrite, or go on with --resume {path}"
            )
        if not (path / "settings.json").is_file():
            raise InputError(
                f"{path} holds files but no settings.json: it is not a run, and --overwrite leaves it alone"
            )
    return RunDirectory(path)


def create(run: RunDirectory) -> None:
    """Makes the directory, empty but for its subdirectories. StorageError where that cannot be done."""
    try:
        if run.path.is_dir():
            for entry in run.path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        run.checkpoints.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{run.path} could not be created: {error.strerror}. Give another place with --out."
        ) from error


def _free(parent: Path, name: str) -> Path:
    candidate, number = parent / name, 1
    while candidate.exists():
        number += 1
        candidate = parent / f"{name}-{number}"
    return candidate
