"""The papers' novel deformations: rotation, shear and zoom at test time (Verma et al. 2019).

Each maps a pixel of the new image to where it is read in the old one, (row, column) about a
centre c: in = M (out - c) + c.

| kind | range | M |
|---|---|---|
| rotation | degrees a: the angle is U(-a, a) | [[cos, -sin], [sin, cos]] |
| shear | degrees a: the angle is U(-a, a) | [[1, -sin], [0, cos]] |
| zoom_in | percent below 100: of the image that is seen | diag(range, range) / 100 |
| zoom_out | percent above 100 | diag(range, range) / 100 |

The protocol of the released code: after normalisation, the nearest pixel, 0 (the mean colour)
outside, and c = size / 2 + 0.5, which is one pixel beyond the middle. The exact one: c in the
middle, (size - 1) / 2, between pixels linearly, black outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor

from mixup_multi.engine.shift import Deformation
from mixup_multi.engine.shifted import Draws, changed
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images.corruptions.sampling import bilinear


@dataclass(frozen=True)
class ImageDeformation(Deformation):
    """One kind of deformation.

    Attributes:
        kind: its name.
        unit: of its range.
        low: the least range.
        high: the largest.
        matrices: `matrices(extent, draws)`: M `(n, 2, 2)` in float64.
    """

    kind: str
    unit: str
    low: float
    high: float
    matrices: Callable[[float, Draws], Tensor]

    def check(self, extent: float) -> None:
        """Raise `SettingError` where the range is outside of the kind's."""
        if not self.low <= extent <= self.high:
            raise SettingError(
                f"range is {extent:g}: expected {self.low:g} to {self.high:g} {self.unit} for"
                f" {self.kind}",
                ("range",),
            )

    def of(self, source: Source, extent: float, seed: int, *, exact: bool) -> Source:
        """Return the deformed images; those of a larger range are turned further the same way."""
        self.check(extent)
        origin = cast(TensorSource, source)
        change = partial(_deformed, origin, self.matrices, extent, exact)
        return changed(origin, change, self.kind, seed, prepared=True)


def _deformed(
    origin: TensorSource,
    matrices: Callable[[float, Draws], Tensor],
    extent: float,
    exact: bool,
    images: Tensor,
    draws: Draws,
) -> Tensor:
    height, width = images.shape[2:]
    rows, columns = sources(matrices(extent, draws), height, width, exact=exact)
    if not exact:
        return nearest(images, rows, columns)
    black = torch.zeros_like(cast(Tensor, origin.inputs)[:1])
    black = (black if origin.prepare is None else origin.prepare(black)).to(images)[..., :1, :1]
    return bilinear(images - black, rows, columns, edge="constant") + black


def sources(matrices: Tensor, height: int, width: int, *, exact: bool) -> tuple[Tensor, Tensor]:
    """Return the rows and columns `(n, h, w)`, float64, that new pixels are read at."""
    size = torch.tensor((height, width), dtype=torch.float64)
    centre = (size - 1) / 2 if exact else size / 2 + 0.5
    place = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    out = torch.stack(place, -1).double()
    read = torch.einsum("nij,hwj->nhwi", matrices.cpu().double(), out - centre) + centre
    return read[..., 0], read[..., 1]


def nearest(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return images `(n, c, h, w)` read at the nearest pixels, 0 outside, as scipy's order 0."""
    height, width = images.shape[2:]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    nearest_row, nearest_column = (rows + 0.5).floor().long(), (columns + 0.5).floor().long()
    place = nearest_row.clamp(0, height - 1) * width + nearest_column.clamp(0, width - 1)
    index = place.to(images.device).flatten(1)[:, None].expand(-1, images.shape[1], -1)
    read = images.flatten(2).gather(2, index).reshape(images.shape)
    return torch.where(inside.to(images.device)[:, None], read, torch.zeros((), device=read.device))


def _angles(degrees: float, draws: Draws) -> Tensor:
    return draws.uniform(low=-1).cpu().double() * torch.tensor(degrees).double().deg2rad()


def _rotation(degrees: float, draws: Draws) -> Tensor:
    angle = _angles(degrees, draws)
    rows = (angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    return torch.stack(rows, -1).reshape(-1, 2, 2)


def _shear(degrees: float, draws: Draws) -> Tensor:
    angle = _angles(degrees, draws)
    rows = (torch.ones_like(angle), -angle.sin(), torch.zeros_like(angle), angle.cos())
    return torch.stack(rows, -1).reshape(-1, 2, 2)


def _zoom(percent: float, draws: Draws) -> Tensor:
    shares = torch.full((len(draws), 1, 1), percent / 100, dtype=torch.float64)
    return shares * torch.eye(2, dtype=torch.float64)


DEFORMATIONS: Mapping[str, Deformation] = MappingProxyType(
    {
        "rotation": ImageDeformation("rotation", "degrees", 0, 180, _rotation),
        "shear": ImageDeformation("shear", "degrees", 0, 89, _shear),
        "zoom_in": ImageDeformation("zoom_in", "percent", 1, 100, _zoom),
        "zoom_out": ImageDeformation("zoom_out", "percent", 100, 1000, _zoom),
    }
)
"""What images can be asked about; the papers' ranges are 20 and 40 degrees of rotation, 28.6 and
57.3 of shear, 60 and 80 percent of zoom-in, 120 and 140 of zoom-out."""
