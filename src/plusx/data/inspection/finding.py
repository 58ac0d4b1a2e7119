"""Finding: one thing the audit saw that a user should know, and what to do about it. Needs no torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
"""error: an image is lost or results would be wrong; warning: have a look at it; note: good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the check; `image` and `split` are None where the finding is about more than one."""

    code: str
    severity: Severity
    message: str
    advice: str
    image: str | None = None
    split: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
