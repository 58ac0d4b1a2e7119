"""The choice of where and how a task runs: measured, explained, overridable."""

import itertools
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine import randomness
from plusx.engine.memory import LESS
from plusx.engine.placement import Placement, Precision
from plusx.engine.timing import SECONDS, Speed, Stopwatch

Auto = Literal["auto"]

WORTH_MEASURING = 20.0  # seconds of training; shorter runs are over before a measurement, of 2 to 10 s, has paid
SHARE, MOST_SECONDS = 0.02, 30.0  # of a run's seconds the measurement may take, and no more; SECONDS it always may
NEARLY = 0.5  # of the seconds that a measurement would take now: one that took as many before counts
STEADY = 0.8  # a way's median has to be this share of its best, or other programs were in the way: it is not kept
CLEARLY = 1.05  # a way's median has to be this much faster than a plainer way's best, to be preferred to it
COMPILE_SECONDS = 90  # 35 to 95 s were seen for the training step of a ResNet
COMPILE_GAIN = 1.2  # a cautious guess at how much faster compiled steps are


@dataclass(frozen=True)
class Workload:
    """What will be run: image `size` (height, width), `batch_size`, and how many training `steps` (None: unknown)."""

    size: tuple[int, int]
    batch_size: int
    steps: int | None = None


@dataclass(frozen=True)
class Measured:
    """The fastest of some ways, and the seconds in which they were compared."""

    placement: Placement
    seconds: float


class Known(Protocol):
    """What was measured before, of the same work on the same CPU."""

    def found(self, ways: Sequence[Placement]) -> Measured | None: ...

    def keep(self, ways: Sequence[Placement], measured: Measured) -> None: ...


def choose_placement(
    task: Task,
    workload: Workload,
    *,
    device: str = "auto",
    precision: Auto | Precision = "auto",
    channels_last: Auto | bool = "auto",
    compile: Auto | bool = "auto",  # noqa: A002 - the word users write
    seconds: float = MOST_SECONDS,
    known: Known | None = None,
) -> Placement:
    """The fastest way to train `task` here, measured on copies; what is given is kept.

    The measurement takes less than 10 seconds; of long runs a twenty-fifth, and less than twice `seconds`. What is
    `known` from one that was nearly as long is not measured again, on a CPU.

    Runs that take less than WORTH_MEASURING anyhow, by the time of one image, train plainly, whatever is known, and so
    does what is too slow to be compared. (A backbone that is known to be faster in channels last brings its images
    into it by itself.) Nobody can stop a compiler, and on a CPU it took longer than all measuring: there it is used
    only when asked for, on CUDA it is tried where it would pay thrice over.

    Neither the task nor any global random state is touched. Raises InputError for a device, precision or compiler
    that is not there, and when not even one image fits into the device's memory.
    """
    if compile is True and compiler() is None:
        raise InputError("compile needs a C++ compiler, and none was found: install g++, or leave compile away.")
    ways = candidates(find_device(device), precision, channels_last)
    plainest = replace(ways[0], compile=compile is True)
    may_compile = compile == "auto" and plainest.device.type == "cuda" and compiler() is not None
    if len(ways) == 1 and not may_compile:
        return replace(plainest, reason=f"{plainest}: as asked")
    known = known if plainest.device.type == "cpu" else None
    watch = Stopwatch(task, workload.size, workload.batch_size)
    with randomness.sheltered():
        if workload.steps is not None:
            whole = workload.steps * workload.batch_size * watch.seconds_an_image(ways[0])
            if whole < WORTH_MEASURING:
                short = f"some {whole:.0f} s of training are too few to measure what is faster"
                return replace(plainest, reason=f"{plainest}: {short}")
            watch.seconds = min(seconds, max(SECONDS, SHARE * whole))
        before = None if known is None else known.found(ways)
        if before is not None and before.seconds >= NEARLY * watch.seconds:
            return _compiled(before.placement) if compile is True else before.placement
        chosen, speed = _fastest(ways, watch)
        if known is not None and speed.typical > STEADY * speed.best:
            known.keep(ways, Measured(chosen, watch.seconds))
        if compile is True:
            return _compiled(chosen)
        return _compiled_if_it_pays(chosen, speed.typical, workload, watch) if may_compile and speed.best else chosen


def _compiled(chosen: Placement) -> Placement:
    return replace(chosen, compile=True, reason=f"{chosen.reason}; compiled as asked")


def compiler() -> str | None:
    """The path of the C++ compiler that `torch.compile` would call; None where there is none."""
    return shutil.which(os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++"))


def find_device(name: str) -> torch.device:
    """`auto`: the accelerator where there is one. Raises InputError for a device that is not there."""
    found = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return found or torch.device("cpu")
    known = ["auto", "cpu", *([found.type] if found else [])]
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"Unknown device {name!r}: expected one of {', '.join(known)}.") from None
    if device.type not in known or (device.type != "cpu" and (device.index or 0) >= torch.accelerator.device_count()):
        raise InputError(f"Device {name!r} was not found here; there is: {', '.join(known)}.")
    return device


def candidates(
    device: torch.device, precision: Auto | Precision, channels_last: Auto | bool = "auto"
) -> list[Placement]:
    """The ways to try, plainest first. Raises InputError for a precision that the device does not have."""
    if precision == "fp16" and device.type == "cpu":
        raise InputError("fp16 needs a GPU: this would train on the CPU. Take fp32, bf16 or auto.")
    precisions = native_precisions(device) if precision == "auto" else [precision]
    formats = [False, True] if channels_last == "auto" else [channels_last]
    return [Placement(device, *way) for way in itertools.product(precisions, formats)]


def native_precisions(device: torch.device) -> list[Precision]:
    """fp32, and the reduced precision that the device computes in without emulation."""
    if device.type == "cuda":
        return ["fp32", "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"]
    if device.type == "cpu":
        flags = torch.cpu.get_capabilities()
        if any(flags.get(flag, False) for flag in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")):
            return ["fp32", "bf16"]
    return ["fp32"]


def _fastest(ways: list[Placement], watch: Stopwatch) -> tuple[Placement, Speed]:
    """The clearly fastest way and its speed; the plainest, and 0, where a step is too slow to compare ways."""
    speeds = watch.speeds([ways[0], *reversed(ways[1:])])  # the likeliest to win comes second
    while speeds and not any(speed.best for speed in speeds.values()) and watch.batch_size > 1:
        watch.batch_size //= 2  # as training does, which then computes a batch in parts
        speeds = watch.speeds([ways[0], *reversed(ways[1:])])
    if not speeds:
        other, limit = _words(ways[-1]), f"{watch.seconds:.2g} s"
        slow = f"steps are too slow here to compare {other} with it within {limit}; name a precision to have it"
        return replace(ways[0], reason=f"{ways[0]}: {slow}"), Speed(0, 0)
    if not any(speed.best for speed in speeds.values()):
        raise InputError(
            f"Not even one image fits into the memory of {ways[0].device}, beside what other programs hold there. "
            f"{LESS}."
        )
    chosen = ways[0]
    for way in ways[1:]:
        if way in speeds and speeds[way].typical > CLEARLY * speeds[chosen].best:
            chosen = way
    others = ", ".join(f"{_rate(speeds[w].typical)} {_words(w)}" for w in ways if w in speeds and w is not chosen)
    against = f" against {others}" if others else ""
    rate = _rate(speeds[chosen].typical)
    reason = f"{chosen}: {rate} images/s{against} (training steps of {watch.batch_size} images)"
    return replace(chosen, reason=reason), speeds[chosen]


def _compiled_if_it_pays(chosen: Placement, rate: float, workload: Workload, watch: Stopwatch) -> Placement:
    if workload.steps is None:
        return replace(chosen, reason=f"{chosen.reason}; not compiled: the length of the run is not known")
    seconds = workload.steps * workload.batch_size / rate
    saved = seconds * (1 - 1 / COMPILE_GAIN)
    if saved < 3 * COMPILE_SECONDS:
        pays = f"not compiled: of about {seconds:.0f} s it might save {saved:.0f} and costs about {COMPILE_SECONDS}"
        return replace(chosen, reason=f"{chosen.reason}; {pays}")
    compiled = replace(chosen, compile=True)
    try:
        speeds = watch.speeds([chosen, compiled])
    except Exception as error:  # whatever the compiler stumbles over, the run can do without it
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return replace(chosen, reason=f"{chosen.reason}; not compiled: the compiler failed ({first_line})")
    if not speeds:
        return replace(chosen, reason=f"{chosen.reason}; not compiled: its steps were too slow to be measured")
    before, after = speeds[chosen], speeds[compiled]
    measured = f"compiled {_rate(after.typical)} images/s against {_rate(before.typical)}"
    faster = after.typical > CLEARLY * before.best
    return replace(compiled if faster else chosen, reason=f"{chosen.reason}; {'' if faster else 'not '}{measured}")


def _words(way: Placement) -> str:
    return f"{way.precision} channels last" if way.channels_last else way.precision


def _rate(rate: float) -> str:
    return "out of memory" if rate == 0 else f"{rate:.3g}"
