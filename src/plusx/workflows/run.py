"""What a finished run is in Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from plusx.core.errors import InputError
from plusx.workflows.directory import RunDirectory


@dataclass(frozen=True)
class Run:
    """A run directory and its figures. It stands for its path: `plusx.load(run)` gives the model."""

    path: Path
    metrics: Mapping[str, float]  # of the best weights on the validation images
    history: tuple[Mapping[str, float], ...] = ()  # one mapping an epoch
    agreement: str | None = None  # how the exported file compares with the model; None when it was not made
    test_metrics: Mapping[str, float] = field(default_factory=dict)  # on the test split; empty where there is none

    def to_json(self) -> dict[str, Any]:
        """JSON values from which, beside the path, an equal run is made."""
        return {name: value for name, value in vars(self).items() if name != "path"}

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def model(self) -> Path:
        """The model file: weights, card and task in one."""
        return RunDirectory(self.path).model

    @property
    def onnx(self) -> Path:
        """The exported file."""
        return RunDirectory(self.path).onnx

    @property
    def report(self) -> Path:
        return RunDirectory(self.path).report


def open_run(path: Path) -> tuple[RunDirectory, dict[str, Any]]:
    """The directory and its settings.json; InputError when `path` is no run."""
    directory = RunDirectory(Path(path))
    saved = directory.read_json(directory.settings)
    for key, kinds in _KINDS.items():
        if (key in _NEEDED and key not in saved) or (key in saved and not isinstance(saved[key], kinds)):
            raise InputError(
                f"{directory.settings} is damaged: {key} is {str(saved.get(key))[:80]!r}, which `plusx fit` does not "
                "write. Delete the run and start again."
            )
    return directory, saved


_NEEDED = ("data", "settings")
_KINDS = {
    **dict.fromkeys(("data", "validation_data"), (str, NoneType)),
    **dict.fromkeys(("settings", "plan", "card", "task", "placement"), dict),
    **dict.fromkeys(("start", "begun"), str),
    **dict.fromkeys(("excluded",), list),
}
"""What settings.json holds, as far as it is read again: key → types."""
