"""Cutout: a square of the image is blanked (DeVries & Taylor 2017).

Its centre is uniform over the pixels, and it is clipped at the border, so that often less than the
whole square is blank. The labels stay. For an even side it covers the very pixels that the
released code covers; that code gives an odd side one pixel less than its name says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.mix.cut import boxes, check_images, outside
from mixup_multi.mix.draw import Mix, Per
from mixup_multi.objectives.changed import Changed
from mixup_multi.objectives.objective import Draw


@dataclass(frozen=True, slots=True)
class Cutout(Changed):
    """`inner` on images with a blank square.

    Attributes:
        size: the square's side in pixels, >= 0.
        fill: what blank pixels hold, of what the model reads: 0 is the mean of normalised images.
        per: a square for each row, as in the paper, or one for the batch.

    Raises:
        SettingError: the size is negative.
    """

    size: int = 16
    fill: float = 0.0
    per: Per = "row"

    def __post_init__(self) -> None:
        if self.size < 0:
            raise SettingError(f"size is {self.size}: expected pixels, 0 or more", ("size",))

    def draw_change(self, n: int, generator: Generator) -> Draw:
        """Draw centres as fractions of height and width, `(n, 2)` or `(1, 2)`."""
        rows = n if self.per == "row" else 1
        centres = torch.rand(rows, 2, dtype=torch.float64, generator=generator)
        return Draw(Mix.identity(n), blend=centres)

    def change(self, model: nn.Module, batch: Batch, draw: Draw) -> tuple[nn.Module, Batch]:
        """Return the batch with blank squares.

        Raises:
            PointError: the inputs are not images.
        """
        check_images("cutout", batch.inputs, "Choose another method, e.g. gaussian.")
        if draw.blend is None:
            raise SettingError("cutout was given no centres: expected what its `draw` returned")
        size, half = np.array(batch.inputs.shape[-2:]), self.size // 2
        place = boxes(half, self.size - half, draw.blend.numpy(), size)
        blank = torch.from_numpy(~outside(*place, size)).to(batch.inputs.device, non_blocking=True)
        return model, replace(batch, inputs=batch.inputs.masked_fill(blank, self.fill), rows=None)
