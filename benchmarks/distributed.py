"""Two processes against one on the same cores and the same batches: images/s of whole training steps.

    python benchmarks/distributed.py --model resnet18 --size 128 --batch 32

One process with two threads, two with one thread each (gloo), and one with one thread, the limit of each half. All live
throughout and take turns, so that whatever else the machine does meets all; the median of the turns counts.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import torch

from plusx.core.batch import Batch
from plusx.core.ranks import Ranks
from plusx.engine.group import joined
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.step import Stepper
from plusx.engine.team import ALONE, Team
from plusx.weights.create import create_model

STEPS = 4  # a turn


def stepper(model: str, team: Team) -> Stepper:
    torch.manual_seed(0)
    task = create_model(model, task="classify", classes=[f"class {c}" for c in range(10)], weights=None)
    made = Stepper(task, Plan(), Placement(torch.device("cpu")), lambda batch, _: batch, team)
    made.begin_epoch(0)
    return made


def slice_of(batch: int, size: int, ranks: Ranks) -> Batch:
    begin, end = ranks.slice_of(0, batch)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(batch, 3, size, size, generator=generator)[begin:end]
    indices = torch.arange(begin, end)
    total = None if ranks.world == 1 else batch
    return Batch(images, indices % 10, tuple(map(str, indices.tolist())), indices, (), total)


def turns(options: argparse.Namespace, team: Team) -> Iterator[float]:
    """Seconds of STEPS steps, time and again."""
    made, batch = stepper(options.model, team), slice_of(options.batch, options.size, team.ranks)
    number = 0
    while True:
        team.any(flag=False)  # all begin together
        began = time.perf_counter()
        for _ in range(STEPS):
            team.summed(made.step([batch], Position(0, number, number), 1.0))
            number += 1
        yield time.perf_counter() - began


def member(rank: int, port: int, options: argparse.Namespace, orders: Connection) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with joined("cpu") as team:
        own = turns(options, team)
        while orders.recv():
            orders.send(next(own))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(2)]
    members = [spawn.Process(target=member, args=(r, port, options, pipes[r][1])) for r in range(2)]
    for one in members:
        one.start()
    alone = {threads: turns(options, ALONE) for threads in (2, 1)}
    names = ("1 process, 2 threads", "2 processes, 1 thread", "1 process, 1 thread")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(options.turns + 1):  # the first warms up
        for threads, own in alone.items():
            torch.set_num_threads(threads)
            seconds[f"1 process, {threads} thread{'s' if threads > 1 else ''}"].append(next(own))
        for orders, _ in pipes:
            orders.send(True)
        seconds["2 processes, 1 thread"].append(max(orders.recv() for orders, _ in pipes))
        print(f"turn {turn}: {', '.join(f'{name} {values[-1]:.2f} s' for name, values in seconds.items())}", flush=True)
    for orders, _ in pipes:
        orders.send(False)
    for one in members:
        one.join()
    rates = {name: STEPS * options.batch / statistics.median(values[1:]) for name, values in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:24} {rate:7.1f} images/s")
    print(f"2 processes / 2 threads: {rates['2 processes, 1 thread'] / rates['1 process, 2 threads']:.2f}")
    print(f"2 processes / twice 1 thread: {rates['2 processes, 1 thread'] / rates['1 process, 1 thread'] / 2:.2f}")


if __name__ == "__main__":
    main()
