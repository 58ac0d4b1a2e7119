import ast
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from plusx.cli.failures import message_of
from plusx.core import errors
from plusx.core.errors import StorageError

SOURCES = sorted(Path(errors.__file__).parents[1].rglob("*.py"))


def system(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StorageError("a could not be written"), "a could not be written"),
        (
            MemoryError(),
            "out of memory. Close other programs, or make it smaller: --batch-size, --workers, --image-size.",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory. Close other programs"),
        (system(errno.ENOSPC), "the disk is full. Free some space and try again."),
        (system(errno.ENOSPC, "runs/a"), "the disk is full: runs/a. Free some space and try again."),
        (system(errno.EACCES, "图/一.png"), "Permission denied: 图/一.png."),
        (system(errno.EMFILE, "a.png"), "too many open files. Raise the limit (ulimit -n 4096) or lower --workers."),
    ],
)
def test_what_a_user_can_mend_is_one_message(error: Exception, text: str) -> None:
    assert (message_of(error) or "").startswith(text)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), AssertionError(), OSError("without a number")])
def test_a_fault_of_plusx_has_no_message_for_users(error: Exception) -> None:
    assert message_of(error) is None


def sentences(source: str) -> Iterator[str]:
    """All texts of a file but its docstrings; what is filled into them is left out."""
    tree = ast.parse(source)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def test_messages_of_the_shell_do_not_speak_of_python_functions() -> None:
    texts = [text for path in SOURCES for text in sentences(path.read_text(encoding="utf-8"))]
    assert len(texts) > 1000
    assert [text for text in texts if re.search(r"create_(model|backbone)\(", text)] == []


def test_such_a_message_would_be_found() -> None:
    source = '''
def f(name):
    """As `create_model(name)`."""
    raise InputError(f"Take create_model({name!r}) instead.")
'''
    assert "Take create_model(" in list(sentences(source))
