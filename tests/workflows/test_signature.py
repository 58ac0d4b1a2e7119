import inspect
from dataclasses import dataclass
from typing import Any

import pytest

from plusx.workflows.options import option
from plusx.workflows.signature import takes


@dataclass(frozen=True)
class Toy:
    epochs: int | None = option(None, "how often")
    strict: bool = option(False, "whether")


@takes(Toy)
def verb(data: str, *, extra: int = 0, **settings: Any) -> dict[str, Any]:
    """Does it."""
    return {"data": data, "extra": extra, **settings}


def test_the_fields_stand_in_the_signature_after_its_own_parameters() -> None:
    parameters = inspect.signature(verb).parameters
    assert list(parameters) == ["data", "extra", "epochs", "strict"]
    assert (parameters["epochs"].default, parameters["epochs"].annotation) == (None, int | None)
    assert parameters["strict"].kind is inspect.Parameter.KEYWORD_ONLY


def test_the_docstring_explains_them() -> None:
    assert (verb.__doc__ or "").splitlines() == [
        "Does it.",
        "",
        "Settings:",
        "    epochs=None: how often",
        "    strict=False: whether",
    ]


def test_the_verb_itself_is_unchanged() -> None:
    assert verb("d", epochs=3) == {"data": "d", "extra": 0, "epochs": 3}


def test_a_function_without_settings_cannot_take_them() -> None:
    def plain(data: str) -> None: ...

    with pytest.raises(AssertionError, match=r"plain takes no \*\*settings"):
        takes(Toy)(plain)
