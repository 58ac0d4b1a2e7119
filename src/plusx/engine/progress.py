"""Progress: a live bar in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from plusx.engine.observer import BeginInfo, EpochInfo, Silent, StepInfo, Stopped

REFRESH_SECONDS = 0.2  # a redraw costs about 2 ms
LINE_SECONDS = 30.0  # between plain lines inside an epoch


class Progress(Silent):
    """Shows loss, metric, images/s and time left on `console` (default: standard error).

    In a terminal a bar for the epoch under way, redrawn a few times a second, and a line for each that is done;
    elsewhere lines alone, inside an epoch one every 30 s.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = self._console.is_terminal
        self._bar = _bar(self._console) if self._live else None
        self._row: TaskID | None = None
        self._epochs = self._steps_per_epoch = self._steps = 0
        self._clock = _Clock()
        self._next = 0.0

    def on_begin(self, info: BeginInfo) -> None:
        self._epochs, self._steps_per_epoch = info.epochs, info.steps_per_epoch
        self._steps = info.epochs * info.steps_per_epoch
        self._clock = _Clock()
        self._next = time.monotonic() + (0 if self._live else LINE_SECONDS)
        if self._bar is not None:
            self._row = self._bar.add_task("", total=info.steps_per_epoch, epoch=info.epoch + 1, text="")
            self._bar.start()

    def on_note(self, text: str) -> None:
        self._print(f"note: {text}")

    def on_step(self, info: StepInfo) -> None:
        now = time.monotonic()
        self._clock.count(info.samples, now)
        if now < self._next and info.step % self._steps_per_epoch:
            return
        self._next = now + (REFRESH_SECONDS if self._live else LINE_SECONDS)
        done = info.step - (info.epoch - 1) * self._steps_per_epoch
        if self._bar is not None and self._row is not None:
            self._bar.update(self._row, completed=done, epoch=info.epoch, text=self._step_text(info))
            self._bar.refresh()
        elif done < self._steps_per_epoch:
            counted = f"epoch {info.epoch}/{self._epochs}, step {done}/{self._steps_per_epoch}"
            self._print(f"{counted}: {self._step_text(info)}")

    def on_epoch(self, info: EpochInfo) -> None:
        self._clock.pause()
        left = duration(self._clock.seconds_left(self._steps - info.step))
        rate = info.values.get("train/images_per_second", 0.0)
        words = [f"loss {info.values['train/loss']:.4g}", *_metric(info), f"{rate:.3g} images/s", f"{left} left"]
        self._print(f"epoch {info.epoch}/{self._epochs}: {', '.join(words[: 3 if info.step >= self._steps else None])}")

    def on_end(self, stopped: Stopped | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _step_text(self, info: StepInfo) -> str:
        left = duration(self._clock.seconds_left(self._steps - info.step))
        return f"loss {info.mean_loss:.4g}, {self._clock.rate():.3g} images/s, {left} left"

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Clock:
    """Images and steps per second since the run began or went on."""

    def __init__(self) -> None:
        self._began = self._now = time.monotonic()
        self._samples = self._steps = 0

    def count(self, samples: int, now: float) -> None:
        self._samples += samples
        self._steps += 1
        self._now = now

    def pause(self) -> None:
        """Evaluation took time too: what is left of the run will have its share of it."""
        self._now = time.monotonic()

    def rate(self) -> float:
        return self._samples / max(1e-9, self._now - self._began)

    def seconds_left(self, steps: int) -> float:
        return steps * (self._now - self._began) / max(1, self._steps)


def duration(seconds: float) -> str:
    """42 s, 3:05 min, 1:02:03 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def _bar(console: Console) -> Bar:
    columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn())
    return Bar(*columns, TextColumn("{task.fields[text]}"), console=console, auto_refresh=False, transient=True)


def _metric(info: EpochInfo) -> list[str]:
    values: Mapping[str, float] = info.values
    if f"val/{info.primary}" not in values:
        return []
    return [f"{info.primary} {values[f'val/{info.primary}']:.4g}{' (best)' if info.best else ''}"]
