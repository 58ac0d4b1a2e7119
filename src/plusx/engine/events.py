"""TensorBoard event files, through TensorBoard's own writer: without torch or TensorFlow."""

import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Events:
    """Scalars into event files in `directory`. TensorBoard takes 0.25 s to import: not before `open`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writer: Any = None
        self._event: Any = None
        self._summary: Any = None

    def open(self, step: int) -> None:
        """Begins a file for a run that goes on after `step`; later steps in older files are then hidden."""
        # protobuf makes its classes at run time, so these modules look empty to a type checker
        self._event = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
        writer = importlib.import_module("tensorboard.summary.writer.event_file_writer")
        self._writer = writer.EventFileWriter(str(self._directory))
        if step > 0:
            start = self._event.SessionLog(status=self._event.SessionLog.START)
            self._writer.add_event(self._event.Event(wall_time=time.time(), step=step + 1, session_log=start))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """All values at one step. `open` comes first."""
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        summary = self._summary(value=scalars)
        self._writer.add_event(self._event.Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Everything is on the disk afterwards."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
