"""What a loss remembers of each training image from one epoch to the next."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor


@final
class Remembered:
    """A row of `width` numbers for each image, by its position in the split; zeros until it was trained on.

    A step reads the rows as they were before it, in however many passes it is computed. What it says of its images is
    staged, and kept when the step is made; of an image that comes several times in it, the mean. The rows are on the
    device that computes: 4 bytes × images × width there, and in each checkpoint. `loss`: whose they are, by name.
    """

    def __init__(self, loss: str, width: int) -> None:
        self.loss, self.width = loss, width
        self.recalled: Tensor | None = None  # rows (B, width) of the images that are computed now; None: of none
        self.said: Tensor | None = None  # what the loss would have them be
        self._rows = torch.zeros(0, width)
        self._count = 0
        self._staged: list[tuple[Tensor, Tensor]] = []

    @contextmanager
    def of(self, indices: Tensor, device: torch.device) -> Iterator[None]:
        """Inside, `recalled` are the rows of these images (B,); what is `said` there is staged."""
        self._make_room(int(indices.max()) + 1, device)
        self.recalled = self._rows[indices.to(device)]
        try:
            yield
            if self.said is not None:
                self._staged.append((indices, self.said))
        finally:
            self.recalled = self.said = None

    @property
    def staged(self) -> int:
        """How many passes have been staged: what `drop` goes back to."""
        return len(self._staged)

    def drop(self, staged: int = 0) -> None:
        """Forgets what was staged later than the first `staged` passes."""
        del self._staged[staged:]

    def keep(self) -> None:
        """What was staged is remembered from now on."""
        if not self._staged:
            return
        places, inverse, counts = torch.cat([indices for indices, _ in self._staged]).unique(
            return_inverse=True, return_counts=True
        )
        said = torch.cat([rows for _, rows in self._staged])
        device = said.device
        sums = torch.zeros(len(places), self.width, device=device).index_add_(0, inverse.to(device), said)
        self._rows[places.to(device)] = sums / counts.to(device)[:, None]
        self._staged = []

    def forget(self) -> None:
        """As if no image had been trained on."""
        self._rows, self._count, self._staged = torch.zeros(0, self.width), 0, []

    def state_dict(self) -> dict[str, Tensor]:
        return {"rows": self._rows[: self._count]}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._rows, self._count, self._staged = state["rows"].clone(), len(state["rows"]), []

    def _make_room(self, images: int, device: torch.device) -> None:
        self._count = max(self._count, images)
        if images > len(self._rows):  # half as many again: where images come in order, each step would copy all
            wider = torch.zeros(max(images, len(self._rows) * 3 // 2), self.width, device=device)
            wider[: len(self._rows)] = self._rows
            self._rows = wider
        self._rows = self._rows.to(device)
