from collections.abc import Sequence
from typing import Any

import pytest
import torch

from plusx.core.errors import InputError
from plusx.engine import device, randomness, timing
from plusx.engine.device import Workload, choose_placement
from plusx.engine.placement import Placement
from plusx.engine.timing import Speed

CPU = torch.device("cpu")
WORK = Workload((8, 8), 4, 1_000_000)


def measured(monkeypatch: pytest.MonkeyPatch, rates: dict[tuple[str, bool, bool], float]) -> None:
    """Replaces measuring by a table from (precision, channels last, compiled) to images/s."""

    def speeds(watch: object, ways: Sequence[Placement]) -> dict[Placement, Speed]:
        found = [rates[way.precision, way.channels_last, way.compile] for way in ways] if rates else []
        return {way: Speed(rate, rate) for way, rate in zip(ways, found, strict=False)}

    monkeypatch.setattr(device.Stopwatch, "speeds", speeds)
    monkeypatch.setattr(device.Stopwatch, "seconds_an_image", lambda watch, way: 1.0)
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


class Slow:
    """A step that takes as long as it is told, on a clock that only it moves."""

    now = 0.0

    def __init__(self, task: object, placement: Placement, images: torch.Tensor) -> None:
        self.factor = {"fp32": 1.0, "bf16": 0.5}[placement.precision] * len(images)

    def seconds(self) -> float:
        Slow.now += self.factor * self.each
        return self.factor * self.each

    each = 0.0


@pytest.mark.parametrize(
    ("each", "measured", "most"), [(0.005, 4, 1), (0.2, 4, 9), (0.4, 2, 9), (0.5, 0, 2), (20.0, 0, 20)]
)
def test_measuring_ends_in_time(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, each: float, measured: int, most: float
) -> None:
    monkeypatch.setattr(timing, "_Step", Slow)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: Slow.now)
    monkeypatch.setattr(Slow, "each", each)
    monkeypatch.setattr(Slow, "now", 0.0)
    ways = device.candidates(CPU, "fp32") + device.candidates(CPU, "bf16")
    speeds = timing.Stopwatch(tiny.seeded(), (8, 8), 2).speeds(ways)
    assert list(speeds) == ways[:measured]
    assert Slow.now <= most


def test_what_the_machine_becomes_too_busy_to_measure_is_not_concluded(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (timing, device):
        monkeypatch.setattr(module, "SECONDS", 1e-9)
    monkeypatch.setattr(device, "SHARE", 0.0)
    monkeypatch.setattr(timing.Stopwatch, "_fit_batch", lambda watch, way: 0.0)
    assert timing.Stopwatch(tiny.seeded(), (8, 8), 2).speeds(device.candidates(CPU, "fp32")) == {}
    placement = choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp32")
    assert placement.reason == (
        "fp32 on cpu: steps are too slow here to compare fp32 channels last with it within 1e-09 s; name a precision "
        "to have it"
    )


def test_noise_does_not_move_the_choice(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = {False: Speed(typical=5.0, best=20.0), True: Speed(typical=12.0, best=40.0)}
    monkeypatch.setattr(device.Stopwatch, "speeds", lambda watch, ways: {way: noisy[way.channels_last] for way in ways})
    assert not choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp32").channels_last


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
        "images)"
    )


def test_of_nearly_equal_ways_the_plainest(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", False, False): 10.0, ("fp32", True, False): 10.3}
    measured(monkeypatch, {**table, ("bf16", False, False): 10.4, ("bf16", True, False): 10.2})
    placement = choose_placement(tiny.seeded(), WORK, device="cpu")
    assert (placement.precision, placement.channels_last) == ("fp32", False)


def on_cuda(
    monkeypatch: pytest.MonkeyPatch, task: Any, rates: dict[tuple[str, bool, bool], float], steps: int | None
) -> Placement:
    """The choice for fp32, channels last, on a GPU that need not be there."""
    measured(monkeypatch, rates)
    monkeypatch.setattr(device, "find_device", lambda name: torch.device("cuda"))
    return choose_placement(task, Workload((8, 8), 4, steps), precision="fp32", channels_last=True)


def test_long_runs_on_cuda_are_compiled_when_that_is_faster(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "compiler", lambda: "/usr/bin/g++")
    table = {("fp32", True, False): 10.0, ("fp32", True, True): 14.0}
    placement = on_cuda(monkeypatch, tiny.seeded(), table, 10_000)
    assert placement.compile
    assert placement.reason.endswith("; compiled 14 images/s against 10")
    placement = on_cuda(monkeypatch, tiny.seeded(), {**table, ("fp32", True, True): 9.0}, 10_000)
    assert not placement.compile
    assert placement.reason.endswith("; not compiled 9 images/s against 10")
    placement = on_cuda(monkeypatch, tiny.seeded(), table, 400)
    assert placement.reason.endswith("; not compiled: of about 160 s it might save 27 and costs about 90")
    assert on_cuda(monkeypatch, tiny.seeded(), table, None).reason.endswith("the length of the run is not known")


def test_a_failing_compiler_is_no_failure(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "compiler", lambda: "/usr/bin/g++")
    placement = on_cuda(monkeypatch, tiny.seeded(), {("fp32", True, False): 10.0}, 10_000)  # KeyError where compiled
    assert not placement.compile
    assert "not compiled: the compiler failed (" in placement.reason
    monkeypatch.setattr(device, "compiler", lambda: None)
    assert on_cuda(monkeypatch, tiny.seeded(), {}, 10_000).reason == "fp32, channels last on cuda: as asked"


def test_on_a_cpu_nothing_is_compiled_unless_asked(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module: pytest.fail("compiled"))
    assert not choose_placement(tiny.seeded(), Workload((8, 8), 4, 10**9), device="cpu", precision="fp32").compile
    asked = choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp32", compile=True)
    assert asked.compile
    assert asked.reason.endswith("; compiled as asked")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler, and none was found: install g\+\+, or leave"):
        choose_placement(tiny.seeded(), WORK, device="cpu", compile=True)


def test_what_does_not_fit_into_memory(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("fp32", False, False): 0.0, ("fp32", True, False): 0.0}
    measured(monkeypatch, {**table, ("bf16", False, False): 0.0, ("bf16", True, False): 8.0})
    assert "against out of memory fp32" in choose_placement(tiny.seeded(), WORK, device="cpu").reason
    with pytest.raises(InputError, match=r"^Not even one image fits into the memory of cpu, beside .* Take a smaller"):
        choose_placement(tiny.seeded(), WORK, device="cpu", precision="fp32")


def test_short_runs_and_given_choices_are_not_measured(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, {("fp32", False, False): 10.0, ("fp32", True, False): 20.0})
    monkeypatch.setattr(device.Stopwatch, "seconds_an_image", lambda watch, way: 0.5)
    short = choose_placement(tiny.seeded(), Workload((8, 8), 4, 9), device="cpu", precision="fp32")
    assert short.reason == "fp32 on cpu: some 18 s of training are too few to measure what is faster"
    assert choose_placement(tiny.seeded(), Workload((8, 8), 4, 10), device="cpu", precision="fp32").channels_last
    given = choose_placement(tiny.seeded(), WORK, device="cpu", precision="bf16", channels_last=True, compile=True)
    assert given == Placement(CPU, "bf16", True, True, "bf16, channels last, compiled on cpu: as asked")


@pytest.mark.parametrize(("steps", "seconds", "images"), [(None, 5, 2), (10, 5, 2), (200, 16, 6), (9999, 30, 12)])
def test_long_runs_are_measured_longer_and_with_more_images(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, steps: int | None, seconds: float, images: int
) -> None:
    watches: list[timing.Stopwatch] = []

    def speeds(watch: timing.Stopwatch, ways: list[Placement]) -> dict[Placement, Speed]:
        watch._fit_batch(ways[0])
        watches.append(watch)
        return {way: Speed(1.0, 1.0) for way in ways}

    monkeypatch.setattr(device.Stopwatch, "speeds", speeds)
    monkeypatch.setattr(device.Stopwatch, "seconds_an_image", lambda watch, way: 0.1)
    choose_placement(tiny.seeded(), Workload((8, 8), 40, steps), device="cpu", precision="fp32")
    assert [(watch.seconds, watch.batch_size) for watch in watches] == [(seconds, images)]


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
    step = timing._Step(tiny.seeded(), Placement(CPU, compile=True), torch.rand(4, 3, 8, 8))
    assert step.seconds() > 0
