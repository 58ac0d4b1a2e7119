"""Every variant that torchvision or timm also has: forward, forward and backward, and peak memory, beside theirs.

fp32 on a CPU, contiguous and channels last; on a GPU bf16 channels last, eager and compiled. All libraries take
turns in one run; a ratio is the median over the rounds, below 1 plusx is faster. What all share is the work of the
convolutions; what can differ is what stands around them: concatenations, shuffles, activations, additions.

Run: python benchmarks/backbones.py [--models 'densenet*' ...] [--rounds 5] [--batch 4] [--size 160] [--memory]
     OMP_NUM_THREADS=1 python benchmarks/backbones.py --cpu-time  # on a machine that others use too
"""

import argparse
import fnmatch
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import timm
import torch
import torchvision
from torch import nn

from plusx.weights.counterparts import COUNTERPARTS
from plusx.weights.create import create_model
from side_by_side import interleaved

WAYS = {"cpu": ("fp32", "fp32 channels last"), "cuda": ("bf16 channels last", "bf16 channels last compiled")}


def made(library: str, name: str) -> nn.Module:
    """plusx's network, or a library's counterpart of it."""
    torch.manual_seed(0)
    if library == "plusx":
        return create_model(name)
    theirs = COUNTERPARTS[library][name]  # pyrefly: ignore
    return torchvision.models.get_model(theirs) if library == "torchvision" else timm.create_model(theirs)


def libraries(name: str) -> list[str]:
    return [*(library for library, pairs in COUNTERPARTS.items() if name in pairs), "plusx"]


def prepared(library: str, name: str, way: str, images: torch.Tensor) -> Callable[[bool], torch.Tensor]:
    """The network's forward pass in one of the WAYS; called with whether it is one of training."""
    model = made(library, name).to(images.device)
    if "channels last" in way:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    call: Callable[[torch.Tensor], torch.Tensor] = torch.compile(model) if "compiled" in way else model

    def run(training: bool) -> torch.Tensor:
        model.train(training)
        with torch.autocast(images.device.type, torch.bfloat16, enabled="bf16" in way):
            return call(images)

    return run


def forward(run: Callable[[bool], torch.Tensor]) -> Callable[[], None]:
    """Inference."""

    def once() -> None:
        with torch.no_grad():
            run(False)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return once


def forward_backward(run: Callable[[bool], torch.Tensor]) -> Callable[[], None]:
    """Training without the optimizer's step."""

    def once() -> None:
        run(True).float().square().mean().backward()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return once


def ratios(name: str, way: str, arguments: argparse.Namespace) -> Iterator[tuple[str, str, float, float]]:
    """(pass, library, seconds of plusx, ratio of plusx to that library)."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size, device=device)
    runs = {library: prepared(library, name, way, images) for library in libraries(name)}
    for title, kind in (("forward", forward), ("forward+backward", forward_backward)):
        passes = {library: kind(run) for library, run in runs.items()}
        clock = time.process_time if arguments.cpu_time else time.perf_counter
        seconds = interleaved(passes, arguments.rounds, warmup=2, clock=clock)
        ours = seconds.pop("plusx")
        for library, theirs in seconds.items():
            yield title, library, statistics.median(ours), statistics.median(map(float.__truediv__, ours, theirs))


def peak(library: str, name: str, arguments: argparse.Namespace) -> float:
    """MiB that one training step adds to the process, measured in a process of its own."""
    words = [sys.executable, __file__, "--peak-of", library, name]
    words += ["--batch", str(arguments.batch), "--size", str(arguments.size)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def print_peak(library: str, name: str, arguments: argparse.Namespace) -> None:
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    run = forward_backward(prepared(library, name, "fp32", images))
    forward(prepared("plusx", "resnet20", "fp32", images[:1, :, :32, :32]))()  # libraries and threads are there
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["*"], help="shell patterns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--cpu-time", action="store_true", help="of the process; with OMP_NUM_THREADS=1, busy machine")
    parser.add_argument("--memory", action="store_true", help="peak memory of a training step instead of times")
    parser.add_argument("--peak-of", nargs=2, metavar=("LIBRARY", "NAME"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_of:
        library, name = arguments.peak_of
        return print_peak(library, name, arguments)
    torch.set_flush_denormal(True)  # random weights may leave values so small that processors get slow
    known = sorted({name for pairs in COUNTERPARTS.values() for name in pairs})
    names = [name for name in known if any(fnmatch.fnmatchcase(name, pattern) for pattern in arguments.models)]
    if arguments.memory:
        print("| | " + " | ".join(("torchvision", "timm", "plusx")) + " |\n|---|---|---|---|")
        for name in names:
            found = {library: f"{peak(library, name, arguments):.0f}" for library in libraries(name)}
            print(f"| {name} | " + " | ".join(found.get(key, "") for key in ("torchvision", "timm", "plusx")) + " |")
        return None
    every: dict[tuple[str, str], list[float]] = {}
    for way in WAYS["cuda" if torch.cuda.is_available() else "cpu"]:
        print(f"\n{way}, batch {arguments.batch}, {arguments.size} pixels, {torch.get_num_threads()} threads")
        print("| | pass | beside | plusx s | ratio |\n|---|---|---|---|---|")
        for name in names:
            for title, library, seconds, ratio in ratios(name, way, arguments):
                every.setdefault((way, title), []).append(ratio)
                print(f"| {name} | {title} | {library} | {seconds:.4f} | {ratio:.3f} |", flush=True)
    for (way, title), found in every.items():
        print(f"\n{way}, {title}: geometric mean {statistics.geometric_mean(found):.3f}, largest {max(found):.3f}")
    return None


if __name__ == "__main__":
    main()
