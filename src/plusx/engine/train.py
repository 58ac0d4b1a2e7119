"""The training loop."""

import math
import time
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Final

from plusx.core.batch import Batch, Batches
from plusx.core.errors import DataError, InputError, LostProcessError, StorageError, unknown
from plusx.core.task import Task
from plusx.engine import modes, randomness
from plusx.engine.checkpoints import Checkpoints
from plusx.engine.evidence import NonFiniteStepError
from plusx.engine.interrupt import AbandonedError
from plusx.engine.observer import BeginInfo, EpochInfo, StepInfo, Stopped
from plusx.engine.parts import Outcome, TrainParts
from plusx.engine.placement import Placement, tuned
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.skipping import check_skipping, skipping_note
from plusx.engine.stage_norms import StageNorms
from plusx.engine.state import State
from plusx.engine.step import Stepper
from plusx.engine.team import ALONE, Team


def train(
    task: Task,
    batches: Batches,
    plan: Plan,
    placement: Placement,
    *,
    parts: TrainParts,
    resume: bool = False,
    team: Team = ALONE,
) -> Outcome:
    """Trains `task` in place; when finished it holds the best weights (those of the average where there is one).

    `resume` continues from the newest valid checkpoint in `parts.directory`, at the very step and with the very
    random states; a run that was stopped anywhere and continued ends with the same bits (on a CPU, with as many
    threads). After an interruption the task holds the weights of its last step.
    Of a `team` every member trains on its part of the batches; the first alone saves, and holds the best weights. Where
    the placement is sharded, the task has no weights while it is trained, and none after an error.
    Global random states, modes and `requires_grad` are afterwards as before. Raises NonFiniteLossError,
    StorageError, InputError, OutOfMemoryError; DataError and LostProcessError of `batches`, when all is saved.
    """
    if len(batches) == 0:
        raise InputError("The training split gives no batches: expected at least one. Take a smaller batch size.")
    with randomness.sheltered(), modes.preserved_modes(task), modes.preserved_learning(task), tuned(placement):
        randomness.begin(plan.seed)
        run = _Run(Stepper(task, plan, placement, parts.prepare, team), batches, parts)
        run.state, notes = run.checkpoints.restore() if resume else run.checkpoints.begin()
        stopped: Stopped | None = None
        try:
            stopped = run.run(notes)
            team.decided(lambda: None)  # nobody leaves before the first has saved
        finally:
            run.end(stopped)
        return run.outcome(stopped)


_CUTS: Final[tuple[Stopped | None, ...]] = (None, "late", "interrupted")


class _Run:
    def __init__(self, stepper: Stepper, batches: Batches, parts: TrainParts) -> None:
        self.stepper, self.batches, self.parts, self.team = stepper, batches, parts, stepper.team
        self.plan = stepper.plan
        self.state = State()
        stepper.tell, stepper.resize = self.note, parts.resize
        stepper.checks_gradients = parts.non_finite == "skip"
        self.steps_per_epoch = math.ceil(len(batches) / self.plan.accumulate)
        self.norms = None if stepper.placement.sharded or not self.team.first else StageNorms(stepper.task)
        self.checkpoints = Checkpoints(stepper, parts, len(batches))

    def run(self, notes: list[str]) -> Stopped:
        self.begin(notes)
        stopped: Stopped | None = None
        try:
            while stopped is None:
                stopped = self.epoch()
        except (DataError, LostProcessError):  # between two steps: nothing is half done
            self.pass_on_notes()
            if not self.stepper.placement.sharded:  # the others are in the middle of a step
                self.checkpoints.save(self.state)
            raise
        self.checkpoints.wait()
        if stopped == "interrupted":
            self.stepper.finish(self.stepper.task)
        else:
            self.load_best()
        return stopped

    def epoch(self) -> Stopped | None:
        """One more epoch, or what is left of it; or why there is none or no whole one."""
        if self.state.epoch >= self.plan.epochs:
            return "finished"
        if self.out_of_patience():
            best, metric = self.state.best_epoch, self.parts.primary
            self.note(f"Stopped early: {metric} was not better for {self.plan.patience} epochs; epoch {best} is kept.")
            return "early"
        if self.team.any(not self.parts.pace.another_epoch()):
            return "late"
        cut = "interrupted" if self.team.any(self.parts.interrupt.requested) else self.train_epoch()
        if cut is None and not self.judge():
            cut = "interrupted"
        self.checkpoints.save(self.state)
        return cut

    def end(self, stopped: Stopped | None) -> None:
        """However the run ended: what was to be saved is on the disk, or it is said why not."""
        try:
            self.checkpoints.wait()
        except StorageError as error:
            self.note(str(error))
        finally:
            for observer in self.parts.observers:
                observer.on_end(stopped)
            del self.stepper.tell  # a circle: the processes that load would live until Python looks for one

    def begin(self, notes: list[str]) -> None:
        state = self.state
        for observer in self.parts.observers:
            observer.on_begin(BeginInfo(self.plan.epochs, self.steps_per_epoch, state.epoch, state.step))
        for text in notes:
            self.note(text)
        if state.step == 0:
            self.checkpoints.save(state)
            self.checkpoints.wait()  # a directory that cannot be written to fails now, not after an epoch

    def train_epoch(self) -> Stopped | None:
        """The steps that are left of the current epoch; what stopped it before its end."""
        state = self.state
        self.stepper.begin_epoch(state.epoch)
        if self.parts.begins is not None:
            self.checkpoints.wait()  # loading processes may begin in any epoch then, and are copies of this one
            self.parts.begins(state.epoch)
        began = time.perf_counter() - state.seconds
        for window in self.windows():
            self.pass_on_notes()
            self.step(window)
            self.checkpoints.look()
            state.seconds = time.perf_counter() - began
            if (cut := self.cut()) is not None:
                return cut
            if self.checkpoints.due():
                self.checkpoints.save(state)
        return None

    def cut(self) -> Stopped | None:
        """Why all members stop after this step, if they do."""
        own = 2 if self.parts.interrupt.requested else 0 if self.parts.pace.another_step() else 1
        return _CUTS[self.team.most(own)]

    def step(self, window: list[Batch]) -> None:
        """One step, or none where its loss is not finite and it may be skipped."""
        state = self.state
        factor = self.plan.factor(state.step, self.steps_per_epoch)
        momentum = self.plan.momentum(state.step, self.steps_per_epoch)
        self.stepper.norms = self.norms if self.measured(state.step + 1) else None
        try:
            own = self.stepper.step(window, Position(state.epoch, state.batch, state.step), factor, momentum)
        except NonFiniteStepError as error:
            where = self.stepper.keep_evidence(error, self.parts.directory)
            check_skipping(error, where, self.parts.non_finite, state, self.steps_per_epoch)
            state.skip(len(window))
            self.note(skipping_note(error, where, state, self.steps_per_epoch))
            return
        losses, samples = self.team.summed(own), sum(batch.whole for batch in window)
        state.count(losses, samples, len(window))
        self.tell_step(losses, samples, factor, momentum)

    def measured(self, step: int) -> bool:
        """Whether the norms of `step` (from 1) are told."""
        return self.norms is not None and self.parts.sampled(step, self.plan.epochs * self.steps_per_epoch)

    def windows(self) -> Iterator[list[Batch]]:
        """Batches in groups of `accumulate`, from the position on; the epoch's last group may be smaller."""
        state = self.state
        if state.batch >= len(self.batches):
            return
        source = self.batches.epoch(state.epoch, state.batch)
        with randomness.sheltered():  # torch's DataLoader draws a seed when it starts: not once more after a resume
            first = list(islice(source, 1))
        if first:
            self.note_small_batches(first[0])
        source = chain(first, source)
        while window := list(islice(source, self.plan.accumulate)):
            yield window

    def judge(self) -> bool:
        """Evaluates, notes whether these are the best weights, and closes the epoch; False when interrupted."""
        state = self.state
        self.checkpoints.check(state.step)
        self.checkpoints.wait()  # loading processes are copies of this one: none begins while a thread writes
        with randomness.sheltered():
            self.stepper.end_epoch(state.epoch, self.batches)
        try:
            metrics = self.evaluate()
        except AbandonedError:
            return False
        best = bool(metrics) and self.is_better(metrics)
        epoch = state.epoch + 1
        values = {"epoch": float(epoch), "step": float(state.step), **state.means(), "train/rate": self.rate()}
        values |= {f"val/{name}": value for name, value in metrics.items()}
        if best:
            state.found_best(metrics[self.parts.primary])
        for observer in self.parts.observers:
            observer.on_epoch(EpochInfo(epoch, state.step, values, self.parts.primary, best))
        state.finish_epoch(values)
        return True

    def evaluate(self) -> dict[str, float]:
        if self.parts.evaluate is None:
            return {}
        for task in {self.stepper.task, self.stepper.judged}:
            self.team.share_buffers(task)
        with randomness.sheltered(), self.stepper.whole() as judged:
            metrics = self.parts.evaluate(judged)
        self.pass_on_notes()
        if self.parts.primary not in metrics:
            raise unknown("metric", self.parts.primary, metrics)
        return metrics

    def is_better(self, metrics: Mapping[str, float]) -> bool:
        metric, best = metrics[self.parts.primary], self.state.best_metric
        if math.isnan(metric):
            return False
        if (metric, self.state.epoch + 1) == (best, self.state.best_epoch):  # an epoch that is done once more
            return True
        if metric == best:
            return self.is_better_otherwise(metrics)
        return best is None or (metric > best if self.parts.higher_is_better else metric < best)

    def is_better_otherwise(self, metrics: Mapping[str, float]) -> bool:
        """Where the metric is that of the best epoch so far."""
        tie, history = self.parts.tie, self.state.history
        if tie not in metrics or len(history) < self.state.best_epoch:  # best.pt is ahead of the states that are left
            return False
        return metrics[tie] < history[self.state.best_epoch - 1].get(f"val/{tie}", -math.inf)

    def out_of_patience(self) -> bool:
        """Counted from where the metric itself was last better, and not before all stages learn that ever will."""
        joined = self.plan.last_joins(len(self.stepper.task.backbone.stages))
        since = self.state.epoch - max(self.last_improved(), joined)
        return self.parts.evaluate is not None and self.plan.patience is not None and since >= self.plan.patience

    def last_improved(self) -> int:
        """The epoch that first had the best metric; `best_epoch` may be a later one that has it too."""
        key = f"val/{self.parts.primary}"
        values = [one.get(key) for one in self.state.history[: self.state.best_epoch]]
        return values.index(self.state.best_metric) + 1 if self.state.best_metric in values else self.state.best_epoch

    def rate(self) -> float:
        """The head's rate at the last step."""
        return self.plan.optimizer.rate * self.plan.factor(max(0, self.state.step - 1), self.steps_per_epoch)

    def tell_step(self, losses: dict[str, float], samples: int, factor: float, momentum: float | None) -> None:
        state, norms = self.state, self.stepper.norms
        rate, loss = self.plan.optimizer.rate * factor, sum(losses.values())
        told = {} if norms is None else norms.values
        info = StepInfo(state.step, state.epoch + 1, samples, loss, state.mean_loss, rate, momentum, told)
        for observer in self.parts.observers:
            observer.on_step(info)

    def note(self, text: str) -> None:
        self.state.note(text)
        for observer in self.parts.observers:
            observer.on_note(text)

    def pass_on_notes(self) -> None:
        for text in self.parts.notes.taken():
            self.note(text)

    def note_small_batches(self, batch: Batch) -> None:
        if self.state.epoch in (0, self.plan.frozen_epochs) and self.state.batch == 0:
            text = modes.small_batch_note(self.stepper.task, self.stepper.counted_together(batch))
            if text is not None:
                self.note(text)

    def load_best(self) -> None:
        """The task's weights become the best ones: those of `best.pt`, or the last ones where nothing was evaluated."""
        best = self.checkpoints.best() if self.state.best_epoch and self.team.first else None
        self.stepper.finish(self.stepper.judged, best)

    def outcome(self, stopped: Stopped) -> Outcome:
        state = self.state
        best = state.best_metric, state.best_epoch
        return Outcome(state.epoch, state.step, *best, stopped, tuple(state.history), tuple(state.notes))
