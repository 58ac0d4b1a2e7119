"""Journal: `metrics.jsonl` and TensorBoard events of a run."""

from pathlib import Path

from plusx.engine.observer import Silent


class Journal(Silent):
    """An observer that writes `directory`/metrics.jsonl and TensorBoard event files in `directory`/tensorboard."""

    def __init__(self, directory: Path, *, every: int = 10, tensorboard: bool = True) -> None:
        raise NotImplementedError
