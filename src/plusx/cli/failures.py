"""Which failures are the user's to mend, and how they are said."""

import errno

from plusx.core.errors import PlusxError
from plusx.core.memory import is_out_of_memory


def message_of(error: BaseException) -> str | None:
    """One clear message; None where the failure is a fault of plusx, whose traceback is needed to mend it."""
    if isinstance(error, PlusxError):
        return str(error)
    if is_out_of_memory(error):
        return "out of memory. Close other programs, or make it smaller: --batch-size, --workers, --image-size."
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    return None


def _of_system(error: OSError) -> str:
    """A refusal of the operating system that no part has put into its own words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{_at(error)}. Free some space and try again."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many open files. Raise the limit (ulimit -n 4096) or lower --workers."
    return f"{error.strerror}{_at(error)}."


def _at(error: OSError) -> str:
    return f": {error.filename}" if error.filename is not None else ""
