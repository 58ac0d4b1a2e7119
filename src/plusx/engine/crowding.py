"""A hint where other processes leave no room for the threads of this one."""

import os
import sys

import torch


def crowding_hint(device: str) -> str | None:
    """A sentence where training on `device` ("auto", "cpu", ...) would meet more busy processes than there are cores.

    The threads of OpenMP wait for each other at the end of every operation, by spinning. Where one of them has lost
    its core, all others burn theirs meanwhile, and training gets several times slower than with a single thread. None
    where the number of threads was chosen by the user, on accelerators, and on systems that know no load.
    """
    if device not in ("auto", "cpu") or (device == "auto" and torch.accelerator.is_available()):
        return None
    if torch.get_num_threads() == 1 or os.environ.get("OMP_NUM_THREADS") or sys.platform == "win32":
        return None
    cores = os.cpu_count() or 1  # of the machine, as the load is, however few of them this process may use
    load = os.getloadavg()[0]
    if load <= cores:
        return None
    return (
        f"Other processes keep this machine busy (load {load:.1f} on {cores} cores), which can make training many "
        "times slower than it need be. If it is slow, stop it and set OMP_NUM_THREADS=1 in the environment."
    )
