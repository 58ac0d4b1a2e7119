import os
import sys

import pytest
import torch

from plusx.engine.crowding import crowding_hint


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Four cores, four threads, nine busy processes, no accelerator."""
    if sys.platform == "win32":
        pytest.skip("Windows knows no load")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (9.04, 0.0, 0.0))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    return monkeypatch


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_busy_machine_is_named_with_the_way_out(device: str) -> None:
    hint = crowding_hint(device)
    assert hint is not None
    assert "load 9.0 on 4 cores" in hint
    assert "set OMP_NUM_THREADS=1" in hint
    assert "\n" not in hint


def test_as_many_processes_as_cores_are_no_crowd(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(os, "getloadavg", lambda: (4.0, 99.0, 99.0))
    assert crowding_hint("cpu") is None


def test_silent_where_the_threads_were_chosen(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("OMP_NUM_THREADS", "4")
    assert crowding_hint("cpu") is None


def test_silent_with_a_single_thread(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch, "get_num_threads", lambda: 1)
    assert crowding_hint("cpu") is None


def test_silent_on_an_accelerator(machine: pytest.MonkeyPatch) -> None:
    assert crowding_hint("cuda") is None
    machine.setattr(torch.accelerator, "is_available", lambda: True)
    assert crowding_hint("auto") is None


def test_silent_where_no_load_is_known(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(sys, "platform", "win32")
    assert crowding_hint("cpu") is None
