"""Bytes of weights, gradients and optimizer state that each of two processes holds, divided or not.

    python benchmarks/sharding.py --model resnet50

Two processes over gloo with one thread each, AdamW and an average of the weights. Counted are the tensors that a
process holds after a step; the largest stage, which is whole while it computes, is named beside them.
"""

import argparse
import multiprocessing
import os
import socket

import torch
from torch import nn

from plusx.core.batch import Batch
from plusx.core.ranks import Ranks
from plusx.core.task import Task
from plusx.engine.averages.ema import Ema
from plusx.engine.group import joined
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.sharding import bytes_held
from plusx.engine.step import Stepper
from plusx.weights.create import create_model


def slice_of(batch: int, size: int, ranks: Ranks) -> Batch:
    begin, end = ranks.slice_of(0, batch)
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))[begin:end]
    indices = torch.arange(begin, end)
    return Batch(images, indices % 10, tuple(map(str, indices.tolist())), indices, (), batch)


def largest_stage(task: Task) -> int:
    return max(bytes_of(stage) for _, stage in task.backbone.parts())


def bytes_of(module: nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())


def member(rank: int, port: int, sharded: bool, options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    with joined("cpu") as team:
        torch.manual_seed(0)
        task = create_model(options.model, task="classify", classes=[f"class {c}" for c in range(10)], weights=None)
        whole, stage = bytes_of(task), largest_stage(task)
        placement = Placement(torch.device("cpu"), sharded=sharded)
        made = Stepper(task, Plan(average=Ema(0.999)), placement, lambda batch, _: batch, team)
        made.begin_epoch(0)
        made.step([slice_of(options.batch, options.size, team.ranks)], Position(0, 0, 0), 1.0)
        assert made.average is not None
        held = {
            "weights": bytes_held([*made.task.parameters()]),
            "gradients": bytes_held([parameter.grad for parameter in made.task.parameters()]),
            "optimizer": bytes_held([*made.optimizer.state.values()]),
            "average": bytes_held([*made.average.task.parameters()]),
        }
    if rank == 0:
        print(f"{options.model}: {whole / 1e6:.1f} MB of weights, the largest stage {stage / 1e6:.1f} MB")
        total, words = sum(held.values()), ", ".join(f"{name} {count / 1e6:.1f}" for name, count in held.items())
        print(f"{'divided' if sharded else 'whole  '}: {total / 1e6:.1f} MB a process ({words})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for sharded in (False, True):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        members = [spawn.Process(target=member, args=(rank, port, sharded, options)) for rank in range(2)]
        for one in members:
            one.start()
        for one in members:
            one.join()


if __name__ == "__main__":
    main()
