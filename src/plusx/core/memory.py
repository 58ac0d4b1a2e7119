"""Whether a failure means that memory ran out. Needs no torch: asks it only where it is loaded anyway."""

import sys
from typing import Final

_WORDS: Final = (
    "can't allocate memory",  # c10/core/impl/alloc_cpu.cpp on Linux and macOS
    "not enough memory",  # the same on Windows
    "std::bad_alloc",  # any C++ library
    "Cannot allocate memory",  # ENOMEM in the words of the C library
    "could not create a primitive",  # oneDNN, which gives no reason; seen only where an address space was full
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuFFT
    "out of memory",  # CUDA's and Metal's own words
)
"""What those RuntimeErrors say that have no class of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Of Python, of torch's allocators for CPU and accelerators, or of the libraries below it."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
