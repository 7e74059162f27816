"""What a codec makes of examples, to look at: pictures of images, a table of columns of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixup_multi.engine.cache import write_atomically
from mixup_multi.engine.training import Training
from mixup_multi.mix.draw import draw_partner
from mixup_multi.tree import per_row

EXAMPLES = 10
PAIRS = 4
SHARES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.2, 0.0)
TABLE_ROWS = 2048
INCHES = 0.9
"""The height of a picture on a sheet."""


@torch.no_grad()
def write_sheets(folder: Path, codec: Any, train: Training) -> None:
    """Write what there is to see of a codec: nothing for inputs that are no images and no rows."""
    batch = train.source.gather(_spread(len(train.source), EXAMPLES)).to(train.device)
    rows = batch.inputs
    if not isinstance(rows, Tensor):
        return
    if rows.dim() == 4:
        other = draw_partner("other_class", batch.targets, torch.Generator().manual_seed(0))
        pairs = torch.stack([rows, rows[other.to(rows.device)]], 1)[:PAIRS]
        _draw(folder / "reconstructions.png", reconstructions(codec, rows))
        _draw(folder / "interpolations.png", interpolations(codec, pairs), SHARES)
    elif rows.dim() == 2:
        most = train.source.gather(_spread(len(train.source), TABLE_ROWS)).to(train.device)
        text = columns_csv(codec, most.inputs)
        path = folder / "reconstructions.csv"
        write_atomically(path, lambda file: file.write_text(text, "utf-8"), durable=False)


def _spread(n: int, most: int) -> Tensor:
    """Return at most `most` of `n` places, evenly spread."""
    return torch.linspace(0, n - 1, min(n, most)).long()


def reconstructions(codec: Any, images: Tensor) -> list[tuple[str, Tensor]]:
    """Return two rows of pictures `(n, c, h, w)`: originals above reconstructions."""
    return [("original", images), ("decoded", codec.decode(codec.encode(images)))]


def interpolations(codec: Any, pairs: Tensor) -> list[tuple[str, Tensor]]:
    """Return two rows of pictures for each pair, over `SHARES`: input mixup above latent mixup.

    Args:
        codec: fitted.
        pairs: `(p, 2, c, h, w)`.
    """
    own = torch.tensor(SHARES, dtype=torch.float64)
    lines = []
    for pair in pairs:
        for name, ends, shown in (
            ("mixup", pair, lambda mixed: mixed),
            ("latent", codec.encode(pair), codec.decode),
        ):
            kept = per_row(own.to(ends.device), ends)
            lines.append((name, shown(kept * ends[:1] + (1 - kept) * ends[1:])))
    return lines


def columns_csv(codec: Any, rows: Tensor) -> str:
    """Return, for each column of a table `(n, d)`, how well the codec keeps it, as CSV.

    `explained` is the share of the column's variance that reconstructions explain.
    """
    missed = (codec.decode(codec.encode(rows)) - rows).double()
    deviation, error = rows.double().std(0, correction=0), missed.square().mean(0).sqrt()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["column", "standard_deviation", "rms_error", "explained"])
    for column, (spread, rms) in enumerate(zip(deviation.tolist(), error.tolist(), strict=True)):
        explained = f"{1 - (rms / spread) ** 2:.6g}" if spread else ""
        writer.writerow([column, f"{spread:.6g}", f"{rms:.6g}", explained])
    return buffer.getvalue()


def _draw(path: Path, lines: Sequence[tuple[str, Tensor]], headings: Sequence[float] = ()) -> None:
    """Write rows of pictures as PNG, all on the scale of the first row's and third's originals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    originals = torch.cat([pictures for _, pictures in lines[::2]]).movedim(1, 0).flatten(1)
    low, high = (edge.cpu() for edge in (originals.amin(1), originals.amax(1)))
    columns, (height, width) = len(lines[0][1]), lines[0][1].shape[-2:]
    size = (INCHES * max(0.5, width / height) * columns + 0.7, INCHES * len(lines) + 0.3)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for (name, pictures), axes in zip(lines, grid, strict=True):
        for axis, picture in zip(axes, pictures.cpu(), strict=True):
            axis.imshow(_shown(picture, low, high), cmap="gray", vmin=0, vmax=1, aspect="auto")
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(name, fontsize=7)
    for axis, share in zip(grid[0], headings, strict=bool(headings)):
        axis.set_title(f"own {share:g}", fontsize=7)
    write_atomically(path, lambda file: figure.savefig(file, format="png"), durable=False)


def _shown(picture: Tensor, low: Tensor, high: Tensor) -> Any:
    """Return `(h, w)` or `(h, w, 3)` in [0, 1]; of other than three channels their mean."""
    scaled = (picture - low[:, None, None]) / (high - low).clamp_min(1e-12)[:, None, None]
    three = len(scaled) == 3
    return (scaled.movedim(0, -1) if three else scaled.mean(0)).clamp(0, 1).numpy()
