import errno
import os

import pytest
import torch

from plusx.cli.failures import message_of
from plusx.core.errors import StorageError


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
