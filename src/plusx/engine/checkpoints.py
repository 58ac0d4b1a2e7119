"""The checkpoints of one run: taken up as it begins, written as it goes on."""

import time
from typing import Any, final

import torch

from plusx.core.errors import InputError
from plusx.engine import checkpoint, memory, randomness
from plusx.engine.losses import check_weights
from plusx.engine.parts import TrainParts
from plusx.engine.resume import begin_directory, check_agrees, differences, other_number, reconcile_best
from plusx.engine.saving import Saver
from plusx.engine.state import State
from plusx.engine.step import Stepper


@final
class Checkpoints:
    """What `stepper` has made of its task, together with the state of the loop, in `parts.directory`.

    `batches`: in an epoch. Of a team every member calls every method; the first alone reads and writes. What went wrong
    while a save was written (StorageError) is raised by the next call that saves or waits.
    """

    def __init__(self, stepper: Stepper, parts: TrainParts, batches: int) -> None:
        self._stepper, self._parts, self._batches, self._team = stepper, parts, batches, stepper.team
        self._saver = Saver(parts.directory, parts.keep)
        self._saved: tuple[int, int, int] | None = None
        self._saved_at = time.monotonic()
        self._checked_at = 0

    def begin(self) -> tuple[State, list[str]]:
        """The state of a new run. Raises InputError where the directory holds another one."""
        self._team.decided(lambda: begin_directory(self._parts.directory))
        return State(), []

    def restore(self) -> tuple[State, list[str]]:
        """Puts the newest checkpoint back; the state in it, and what the user should know about it."""
        found = self._team.decided(self._found)
        if found is None:
            return State(), ["Nothing was saved yet: the run begins anew."]
        content, said, notes = found
        self._stepper.load_state_dict(content)
        state = State.from_json(said)
        self._saved = state.position
        randomness.restore(content["random"])
        parts = [] if (size := self._stepper.micro_batch) is None else [memory.goes_on_note(size)]
        return state, [*notes, *parts]

    def check(self, step: int) -> None:
        """Once for every step that may be kept: the weights are finite."""
        if self._checked_at != step:
            check_weights(self._stepper.task, step)
            self._checked_at = step

    def due(self) -> bool:
        """Whether so many minutes have passed that an epoch is not waited for."""
        minutes = self._parts.checkpoint_minutes
        if minutes is None:
            return False
        due = time.monotonic() - self._saved_at >= 60 * minutes
        return self._team.any(due) if self._sharded else due  # the clocks of members differ

    def save(self, state: State) -> None:
        """Unless this very state was saved."""
        if state.position == self._saved:
            return
        self.check(state.step)
        if self._team.first:
            self._saver.save({**self._stepper.state_dict(), **self._facts(), "state": state.to_json()})
        elif self._sharded:
            self._stepper.state_dict()  # the first has a part of it alone
        self._saved, self._saved_at = state.position, time.monotonic()

    def look(self) -> None:
        """Raises what went wrong since the last call, without waiting."""
        self._saver.check()

    def wait(self) -> None:
        """Returns when everything is on the disk."""
        self._saver.wait()

    def best(self) -> dict[str, Any]:
        """The best weights, of which the state says that there are some."""
        return checkpoint.read(self._parts.directory / checkpoint.BEST)["task"]

    @property
    def _sharded(self) -> bool:
        return self._stepper.placement.sharded

    def _found(self) -> tuple[dict[str, Any], dict[str, Any], list[str]] | None:
        """The newest checkpoint, the state in it as far as its best weights are there, and notes; None without one."""
        directory = self._parts.directory
        if not directory.is_dir():
            raise InputError(f"{directory} does not exist: expected the checkpoints of the run that is to go on.")
        if not checkpoint.exists(directory):
            return None
        checkpoint.make(directory)
        content, notes = checkpoint.newest(directory)
        check_agrees(content, self._facts())
        state = State.from_json(content["state"])
        lost = reconcile_best(directory, content, state)
        changed = [*differences(content, self._stepper.placement), *other_number(content, self._team.ranks)]
        return content, state.to_json(), [*notes, *changed, *lost]

    def _facts(self) -> dict[str, Any]:
        return {
            "plan": self._stepper.plan.to_json(),
            "placement": self._stepper.placement.to_json(),
            "threads": torch.get_num_threads(),
            "batches": self._batches,
            "primary": self._parts.primary,
            "random": randomness.capture(),
            "about": dict(self._parts.about),
            "world": self._team.ranks.world,
        }
