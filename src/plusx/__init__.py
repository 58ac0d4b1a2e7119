"""plusx: residual networks from the formula to your own images. `y = H(x) + x`.

Names are loaded when they are first used, so that `import plusx` costs next to nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "fit": "plusx.workflows.fit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'plusx' has no attribute {name!r}; it has {', '.join(__dir__())}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
