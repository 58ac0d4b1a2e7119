"""Finding: one thing that a reader or the audit saw and a user should know, and what to do about it. Needs no torch."""

import shlex
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
"""error: an image is lost or results would be wrong; warning: have a look at it; note: good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the check; `image` and `split` are None where the finding is about more than one.

    images: the names of all images it is about, where `image` alone does not say it.
    excluded: those of them that a fix list leaves out, so that the finding is gone; empty where only the user can know.
    options: what `plusx fit` or `check` would be given to mend it, such as ("--group-pattern", "(.+)_"), unquoted.
    """

    code: str
    severity: Severity
    message: str
    advice: str
    image: str | None = None
    split: str | None = None
    images: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all images it is about."""
        return self.images or (() if self.image is None else (self.image,))

    @property
    def command(self) -> str:
        """`plusx fit DATA` with the options that mend it; "" where there are none."""
        return shlex.join(["plusx", "fit", "DATA", *self.options]) if self.options else ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `images` are all it is about."""
        values = {**asdict(self), "images": self.names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
