"""One optimizer step: forward, backward, check, clip, update, average; in parts where memory does not suffice."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plusx.core.batch import Batch, Batches
from plusx.core.errors import NonFiniteLossError, WeightsError
from plusx.core.memory import is_out_of_memory
from plusx.core.task import Task
from plusx.engine import evidence, memory, modes, randomness, recalling
from plusx.engine.averages.average import average_in
from plusx.engine.averages.reestimate import moving_norms, reestimate
from plusx.engine.evidence import NonFiniteStepError, Suspect
from plusx.engine.gradients.rules import Rules
from plusx.engine.losses import PendingLosses, check_finite, check_gradients
from plusx.engine.momentum import move
from plusx.engine.moving import optimizer_of, put_back
from plusx.engine.parts import Prepare, Resize
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.rollback import Rollback, random_states
from plusx.engine.sharpness import Sharpness, climbed
from plusx.engine.stage_norms import StageNorms
from plusx.engine.sync_norm import is_synchronised
from plusx.engine.team import ALONE, Team

log = logging.getLogger("plusx")


class Stepper:
    """Holds what learns: the task, its optimizer, loss scaler and average."""

    def __init__(self, task: Task, plan: Plan, placement: Placement, prepare: Prepare, team: Team = ALONE) -> None:
        recalling.check_alone(task.remembered, team.ranks)
        self._network = team.network(task, placement)
        self.task = self._network.task
        self.plan, self.placement, self.prepare, self.team = plan, placement, prepare, team
        self.tell: Callable[[str], None] = log.warning  # what the user should know
        self.resize: Resize | None = None
        self.micro_batch: int | None = None  # images computed at once; None: a whole batch
        self.learning = [parameter for parameter in self.task.parameters() if parameter.requires_grad]
        self.optimizer = optimizer_of(self.task, plan, placement, self._network)
        self._rules = Rules(plan, self.task)
        self.scaler = torch.amp.GradScaler(placement.device.type, enabled=placement.precision == "fp16")
        self.average = self._network.average(plan.average) if plan.average is not None else None
        self._norms = modes.batch_norms(self.task)
        self.norms: StageNorms | None = None  # that measure the next update
        self.checks_gradients = False  # before each update; the scaler of fp16 does so anyway
        self._suspects: list[Suspect] = []
        self._refusal = ""  # what the allocator said last
        self._remembered = recalling.begun(self.task.remembered)
        self._rollback = Rollback(self.task, placement.device, self._remembered)
        self._generator = torch.Generator(placement.device)

    @property
    def judged(self) -> Task:
        """Whose weights count: the average's where there is one, and it has begun."""
        return self.task if self.average is None or not self.average.begun else self.average.task

    def whole(self) -> AbstractContextManager[Task]:
        """What is judged, as one process alone can compute with it."""
        return self._network.whole(self.judged)

    def finish(self, judged: Task, best: Mapping[str, Any] | None = None) -> None:
        """The task that was given to train gets the weights `best`, or else those of `judged`."""
        self._network.finish(judged, best)

    def counted_together(self, batch: Batch) -> int:
        """How many images the BatchNorms take their statistics of."""
        return batch.whole if self._synchronised() else len(batch)

    def begin_epoch(self, epoch: int) -> None:
        """Sets what learns in `epoch` (from 0)."""
        now, before = (self.plan.learning_stages(at, len(self.task.backbone.stages)) for at in (epoch, epoch - 1))
        modes.set_phase(self.task, self.learning, stages=now, frozen_norm=self.plan.frozen_norm)
        if epoch == 0 or now != before:
            self._network.new_phase()

    def end_epoch(self, epoch: int, batches: Batches) -> None:
        """After all steps of `epoch` (from 0). An average that asks for it gets statistics over the training images."""
        average = self.average
        if average is None:
            return
        average.after_epoch(self.task, epoch + 1, self.plan.epochs)
        norms = moving_norms(average.task, self.task) if average.begun and average.reestimates else []
        if norms:
            reestimate(average.task, norms, self._images(epoch, batches), self.placement.autocast())

    def _images(self, epoch: int, batches: Batches) -> Iterator[Tensor]:
        """Those of an epoch, as it trained on them."""
        for number, batch in enumerate(batches.epoch(epoch)):
            for part in self._parts(self._prepared(batch, Position(epoch, number, 0))):
                yield part.images

    def step(
        self, window: Sequence[Batch], position: Position, factor: float, momentum: float | None = None
    ) -> dict[str, float]:
        """One step on the gradients of all batches in `window`; `factor` scales the rate, `momentum` is the optimizer's
        from now on.

        Every batch counts by its share of the samples, so that it is the step that one large batch would make; so does
        this process's slice of it, and what is returned is what that contributes to the mean losses, by part. Where
        memory runs out, nothing is kept of the attempt, and batches are computed in parts of half as many images, from
        then on. Raises NonFiniteLossError before anything is updated, and OutOfMemoryError where not even single images
        fit.
        """
        before = self.micro_batch
        if momentum is not None:
            move(self.optimizer, momentum)
        self._rollback.mark()
        while (means := self._attempt(window, position)) is None:
            self._halve(window, position)
        self._update(factor, position)
        if self.micro_batch != before:
            self.tell(memory.parts_note(self.task, max(map(len, window)), self.micro_batch, position))
        return means

    def _attempt(self, window: Sequence[Batch], position: Position) -> dict[str, float] | None:
        """Gradients and mean losses of the window; None where memory ran out."""
        try:
            means = self._gradients(window, position)
            if self.plan.sharpness is not None and self.plan.sharpness.due(position.step):
                self._climb(self.plan.sharpness, window, position)
            return means
        except NonFiniteLossError as error:
            raise self._undone(error, self._suspects[-1:]) from None
        except Exception as error:
            if not is_out_of_memory(error) or self.team.ranks.world > 1:  # the others are in the middle of an exchange
                raise
            self._refusal = memory.words_of(error)
        self.optimizer.zero_grad(set_to_none=True)  # not before the error is gone, which held on to the attempt's maps
        self._rollback.undo()
        memory.release(self.placement.device)
        return None

    def _climb(self, sharpness: Sharpness, window: Sequence[Batch], position: Position) -> None:
        """The gradients become those at the worst neighbour, with the same draws; statistics do not move again."""
        first = Rollback(self.task, self.placement.device, self._remembered)
        first.mark()
        self._rollback.draw_again()
        with climbed(self.task, sharpness):
            self._gradients(window, position)
        first.undo()

    def _undone(self, error: NonFiniteLossError, suspects: Sequence[Suspect]) -> NonFiniteStepError:
        self.optimizer.zero_grad(set_to_none=True)
        self._rollback.undo()
        return NonFiniteStepError(str(error), suspects)

    def _halve(self, window: Sequence[Batch], position: Position) -> None:
        largest = max(len(part) for batch in window for part in self._parts(batch))
        if largest == 1:
            raise memory.too_little(self.placement.device, position, self._refusal)
        self.micro_batch = -(-largest // 2)

    def _parts(self, batch: Batch) -> list[Batch]:
        return [batch] if self.micro_batch is None else batch.parts(self.micro_batch)

    def _gradients(self, window: Sequence[Batch], position: Position) -> dict[str, float]:
        samples = sum(batch.whole for batch in window)
        self.optimizer.zero_grad(set_to_none=True)
        self._suspects = []
        means: dict[str, float] = {}
        for offset, batch in enumerate(window):
            place_of_batch = replace(position, batch=position.batch + offset)
            self._suspects.append(Suspect(batch, place_of_batch, random_states(self.placement.device)))
            counts = self.team.ranks.share_of(len(batch), batch.whole) * batch.whole / samples
            self._even_out(batch)
            done = 0
            for part in self._parts(self._prepared(batch, place_of_batch)):
                done += len(part)
                share = counts * (len(part) / len(batch))
                last = offset == len(window) - 1 and done == len(batch)
                with self._statistics(len(part), done, batch), nullcontext() if last else self._network.held():
                    values = self._backward(part, share, place_of_batch)
                for name, value in values.items():
                    means[name] = means.get(name, 0.0) + share * value
        return means

    def keep_evidence(self, error: NonFiniteStepError, directory: Path) -> str:
        """Saves what the step was computed of, which has changed nothing; says where, unless there are enough of them.

        Raises StorageError.
        """
        if self.placement.sharded or not evidence.room_for(directory, error.suspects[0].position.step + 1):
            return ""
        about = {
            "task": self.task.state_dict(),
            "placement": self.placement.to_json(),
            "plan": self.plan.to_json(),
            "micro_batch": self.micro_batch,
        }
        seen = [self._prepared(suspect.batch, suspect.position) for suspect in error.suspects]
        return f" Its batch is kept in {evidence.write(directory, error, seen, about)}."

    def _prepared(self, batch: Batch, position: Position) -> Batch:
        """On the device, normalised and augmented as a whole: parts of it are not drawn anew. Maps are as they are."""
        batch = batch.to(self.placement.device, self.placement.memory_format)
        if batch.stages:
            return batch
        if self.resize is not None:
            batch = self.resize(batch, (position.epoch + 1) / self.plan.epochs)
        seed = randomness.seed_of_batch(self.plan.seed, position, self.team.ranks)
        return self.prepare(batch, self._generator.manual_seed(seed))

    def _backward(self, batch: Batch, share: float, position: Position) -> dict[str, float]:
        assert batch.targets is not None, "training needs targets"
        remembered = recalling.recalled(self._remembered, batch.indices, self.placement.device)
        with self.placement.autocast(), remembered, self.task.backbone.after(batch.stages):
            losses = self._network.losses(batch.images, batch.targets)
        pending = PendingLosses(losses)
        total = torch.stack([*losses.values()]).sum() if len(losses) > 1 else next(iter(losses.values()))
        weight = share * self.team.ranks.world  # gradients are averaged over processes
        self.scaler.scale(total if weight == 1 else total * weight).backward()
        values = pending.values()
        if not all(map(math.isfinite, values.values())):
            self._rollback.undo()  # one image spoils the statistics, and then each would look as bad by itself
        check_finite(values, None if self.placement.sharded else self.task, batch, str(position))
        return values

    def _synchronised(self) -> bool:
        return any(is_synchronised(norm) for norm in self._norms)

    def _even_out(self, batch: Batch) -> None:
        """A single image goes through the running statistics: where some processes have one, those are the first's."""
        world = self.team.ranks.world
        if 1 < world <= batch.whole < 2 * world:
            self.team.share_buffers(self.task)

    def _statistics(self, part: int, done: int, batch: Batch) -> AbstractContextManager[None]:
        """How BatchNorms see `part` images of a batch, `done` of which are covered with them."""
        whole = len(batch)
        if self._synchronised():
            return modes.running_statistics(self._norms) if batch.whole == 1 else nullcontext()
        return modes.of_part(self._norms, part, done, whole, self.placement.compile)

    def _update(self, factor: float, position: Position) -> None:
        try:
            self._apply(factor, position)
        except NonFiniteLossError as error:
            raise self._undone(error, self._suspects) from None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise memory.cut_off(position) from error

    def _apply(self, factor: float, position: Position) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.optimizer.rate * factor * group["scale"]
        self._rules.apply(self.learning, self.scaler, self.optimizer)
        if self.checks_gradients and not self.scaler.is_enabled():
            check_gradients(self.learning, str(position))
        with nullcontext() if self.norms is None else self.norms.around(self._rules.scale_left(self.scaler)):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        recalling.keep(self._remembered)
        if self.average is not None:
            self.average.after_step(self.task)

    def state_dict(self) -> dict[str, Any]:
        """Whole tensors. Of a sharded task they are the first member's, and all members have to ask together."""
        state = {
            "task": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "rules": self._rules.state_dict(),
            "remembered": recalling.state_of(self._remembered),
            "micro_batch": self.micro_batch,
        }
        return self._network.gathered(state, self.team.first)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises WeightsError when the checkpoint holds another network."""
        try:
            self._network.load(self.task, state["task"])
        except RuntimeError as error:
            raise WeightsError(
                f"The checkpoint holds another network than the one that is to continue: {error}"
            ) from error
        put_back(self.optimizer, state["optimizer"], self._network)
        if state["scaler"]:  # empty where the run was begun in another precision
            self.scaler.load_state_dict(state["scaler"])
        self._rules.load_state_dict(state.get("rules"))
        recalling.put_back(self._remembered, state.get("remembered"))
        self.micro_batch = state.get("micro_batch") if self.team.ranks.world == 1 else None
        if self.average is not None:
            average = average_in(state)
            assert average is not None, "the plans agree"
            self._network.load(self.average.task, average["task"])
            self.average.count(average)
