"""Progress: a live bar in a terminal, plain lines elsewhere."""

from rich.console import Console

from plusx.engine.observer import Silent


class Progress(Silent):
    """An observer that shows loss, metric, images/s and time left on `console`."""

    def __init__(self, console: Console | None = None) -> None:
        raise NotImplementedError
