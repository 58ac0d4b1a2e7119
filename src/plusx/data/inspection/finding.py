"""Finding, where it was before it moved to `core`."""

from plusx.core.finding import Finding, Severity

__all__ = ["Finding", "Severity"]
