import time
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from plusx.core.errors import InputError
from plusx.engine import device, randomness, timing
from plusx.engine.device import Workload, choose_placement
from plusx.engine.placement import Placement

CPU = torch.device("cpu")
WORK = Workload((8, 8), 4, 1000)


def measured(monkeypatch: pytest.MonkeyPatch, rates: dict[tuple[str, bool, bool], float]) -> None:
    """Replaces measuring by a table from (precision, channels last, compiled) to images/s."""

    def images_per_second(watch: object, ways: Sequence[Placement]) -> dict[Placement, float]:
        return {way: rates[way.precision, way.channels_last, way.compile] for way in ways}

    monkeypatch.setattr(device.Stopwatch, "images_per_second", images_per_second)
    monkeypatch.setattr(device, "native_precisions", lambda device: ["fp32", "bf16"])


def test_measuring_touches_neither_weights_nor_statistics_nor_random_states(tiny: Any) -> None:
    task = tiny.seeded(dropout=0.5)
    task.backbone.conv1.eval()
    before = {name: value.clone() for name, value in task.state_dict().items()}
    modes = [module.training for module in task.modules()]
    state = randomness.capture()
    placement = choose_placement(task, WORK, device="cpu")
    after = randomness.capture()
    assert "images/s" in placement.reason
    assert torch.equal(after["torch"], state["torch"])
    assert after["python"] == state["python"]
    assert torch.equal(after["numpy"]["state"]["key"], state["numpy"]["state"]["key"])
    assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())
    assert [module.training for module in task.modules()] == modes
    assert all(parameter.grad is None for parameter in task.parameters())


def test_measuring_ends_in_time(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    ways = [Placement(CPU, channels_last=channels_last, precision="fp32") for channels_last in (False, True)]
    began = time.perf_counter()
    rates = timing.Stopwatch(tiny.seeded(), (8, 8), 1).images_per_second([*ways, Placement(CPU, "bf16")])
    assert time.perf_counter() - began < 5
    assert list(rates) == ways
    assert min(rates.values()) > 0


def test_a_network_that_learns_nothing_can_be_measured(tiny: Any) -> None:
    task = tiny.seeded().requires_grad_(False)
    assert choose_placement(task, WORK, device="cpu", precision="fp32").precision == "fp32"


def test_the_fastest_is_taken_and_explained(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", False, False): 10.0, ("fp32", True, False): 12.0}
    measured(monkeypatch, {**table, ("bf16", False, False): 15.0, ("bf16", True, False): 29.0})
    placement = choose_placement(tiny.seeded(), WORK, device="cpu")
    assert (placement.precision, placement.channels_last, placement.compile) == ("bf16", True, False)
    assert placement.reason == (
        "bf16, channels last on cpu: 29 images/s against 10 fp32, 12 fp32 channels last, 15 bf16 (training steps of 4 "
        "images); not compiled: of about 138 s it might save 23 and costs about 90"
    )


def test_of_nearly_equal_ways_the_plainest(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", False, False): 10.0, ("fp32", True, False): 10.3}
    measured(monkeypatch, {**table, ("bf16", False, False): 10.4, ("bf16", True, False): 10.2})
    placement = choose_placement(tiny.seeded(), WORK, device="cpu")
    assert (placement.precision, placement.channels_last) == ("fp32", False)


def test_long_runs_are_compiled_when_that_is_faster(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", True, False): 10.0, ("fp32", True, True): 14.0}
    measured(monkeypatch, table)
    long = Workload((8, 8), 4, 10_000)
    placement = choose_placement(tiny.seeded(), long, device="cpu", precision="fp32", channels_last=True)
    assert placement.compile
    assert placement.reason.endswith("; compiled 14 images/s against 10")
    measured(monkeypatch, {**table, ("fp32", True, True): 9.0})
    placement = choose_placement(tiny.seeded(), long, device="cpu", precision="fp32", channels_last=True)
    assert not placement.compile
    assert placement.reason.endswith("; not compiled 9 images/s against 10")


def test_a_failing_compiler_is_no_failure(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, {("fp32", True, False): 10.0})  # a KeyError for the compiled way
    long = Workload((8, 8), 4, 10_000)
    placement = choose_placement(tiny.seeded(), long, device="cpu", precision="fp32", channels_last=True)
    assert not placement.compile
    assert "not compiled: the compiler failed (" in placement.reason


def test_what_does_not_fit_into_memory(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", False, False): 0.0, ("fp32", True, False): 0.0}
    measured(monkeypatch, {**table, ("bf16", False, False): 0.0, ("bf16", True, False): 8.0})
    assert "against out of memory fp32" in choose_placement(tiny.seeded(), WORK, device="cpu").reason
    with pytest.raises(InputError, match=r"A batch of 4 images does not fit into the memory of cpu. Take a smaller"):
        choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp32")


def test_short_runs_and_given_choices_are_not_measured(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, {})
    short = choose_placement(tiny.seeded(), Workload((8, 8), 4, 99), device="cpu")
    assert short.reason == "fp32 on cpu: 99 steps are too few to measure what is faster"
    given = choose_placement(tiny.seeded(), WORK, device="cpu", precision="bf16", channels_last=True, compile=True)
    assert given == Placement(CPU, "bf16", True, True, "bf16, channels last, compiled on cpu: as asked")
    unknown = Workload((8, 8), 4)
    measured(monkeypatch, {("fp32", False, False): 1.0})
    placement = choose_placement(tiny.seeded(), unknown, device="cpu", precision="fp32", channels_last=False)
    assert placement.reason.endswith("not compiled: the length of the run is not known")


def test_devices_and_precisions_that_are_not_here(tiny: Any) -> None:
    with pytest.raises(InputError, match="Unknown device 'gpu': expected one of auto, cpu"):
        device.find_device("gpu")
    with pytest.raises(InputError, match="Device 'xpu:3' was not found here; there is: auto, cpu"):
        device.find_device("xpu:3")
    with pytest.raises(InputError, match=r"fp16 needs a GPU: this would train on the CPU. Take fp32, bf16 or auto"):
        choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp16")


@pytest.mark.parametrize(
    ("flags", "precisions"), [({"avx512_bf16": True}, ["fp32", "bf16"]), ({"avx2": True}, ["fp32"])]
)
def test_bf16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], precisions: list[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert device.native_precisions(CPU) == precisions


def test_a_placement_survives_json() -> None:
    placement = Placement(torch.device("cuda:1"), "bf16", True, True, "because")
    assert Placement.from_json(placement.to_json()) == placement
    assert not placement.differs(Placement(torch.device("cuda:1"), "bf16", True, True, "otherwise"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_task_trains(tiny: Any) -> None:
    rates = timing.Stopwatch(tiny.seeded(), (8, 8), 4).images_per_second([Placement(CPU, compile=True)])
    assert min(rates.values()) > 0
