import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from plusx.engine.interrupt import Interrupt, Terminated, terminating

LOOP = """
import signal, sys, time
from plusx.engine.interrupt import Interrupt
with Interrupt() as interrupt:
    print("ready", flush=True)
    for _ in range(1000):
        time.sleep(0.01)
        if interrupt.requested and "stubborn" not in sys.argv:
            print("finished the step,", interrupt, interrupt.terminated, flush=True)
            break
        if interrupt.requested:
            print("asked", flush=True)
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGUSR1: "SIGUSR1"}


@pytest.mark.parametrize("number", NAMES)
def test_the_first_signal_lets_the_step_finish(number: signal.Signals) -> None:
    process = start()
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output == f"finished the step, {NAMES[number]} {number != signal.SIGINT}\n"
    assert process.returncode == 0


@pytest.mark.parametrize("first", NAMES)
def test_a_second_ctrl_c_stops_at_once_and_other_signals_do_not(first: signal.Signals) -> None:
    """`timeout` sends SIGTERM twice, SLURM SIGUSR1 and then SIGTERM: the save is not lost to the second."""
    process = start("stubborn")
    process.send_signal(first)
    assert process.stdout is not None
    for again in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
        assert process.stdout.readline() == "asked\n"
        process.send_signal(again)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.endswith("KeyboardInterrupt\n")
    assert process.returncode != 0


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in NAMES]
    with terminating():
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            assert interrupt.requested
        with pytest.raises(Terminated, match="SIGUSR1"):
            signal.raise_signal(signal.SIGUSR1)
    assert [signal.getsignal(number) for number in NAMES] == before


def test_outside_the_main_thread_it_does_nothing() -> None:
    seen: list[bool] = []

    def enter() -> None:
        with Interrupt() as interrupt:
            seen.append(interrupt.requested)
            interrupt.request()
            seen.append(interrupt.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [False, True]


RUN = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import Tiny, mix
from plusx.engine.averages.ema import Ema
from plusx.engine.interrupt import Interrupt
from plusx.engine.plan import Plan
from plusx.engine.train import train
tiny = Tiny()
class Said(tiny.listener):
    def on_step(self, info):
        print(info.step, flush=True)
with Interrupt() as interrupt:
    parts = tiny.parts(Path(sys.argv[2]), Said(), prepare=mix, interrupt=interrupt)
    task = tiny.seeded(dropout=0.2)
    resume = len(sys.argv) > 3
    plan = Plan(epochs=60, average=Ema(0.9), accumulate=2)
    outcome = train(task, tiny.batches(), plan, tiny.cpu, parts=parts, resume=resume)
torch.save(task.state_dict(), Path(sys.argv[2]) / "weights.bin")
print(outcome.stopped, outcome.steps_done, flush=True)
"""


def run(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(Path(__file__).parent), str(directory), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert any(found == line for found in iter(process.stdout.readline, ""))


@pytest.mark.slow
def test_a_run_that_was_interrupted_and_one_that_was_killed_end_with_the_same_bits(tmp_path: Path) -> None:
    processes = [run(tmp_path / name) for name in ("whole", "interrupted", "killed")]
    wait_for(processes[1], "50\n")
    processes[1].send_signal(signal.SIGINT)
    wait_for(processes[2], "70\n")
    processes[2].kill()
    endings = [process.communicate(timeout=120)[0].splitlines()[-1:] for process in processes]
    assert endings[0] == ["finished 180"]
    assert endings[1][0].startswith("interrupted")
    assert processes[2].returncode == -signal.SIGKILL
    for name in ("interrupted", "killed"):
        again = run(tmp_path / name, "resume")
        assert again.communicate(timeout=120)[0].splitlines()[-1] == "finished 180"
        assert (tmp_path / name / "weights.bin").read_bytes() == (tmp_path / "whole" / "weights.bin").read_bytes()
