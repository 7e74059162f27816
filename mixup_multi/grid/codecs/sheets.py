"""What a codec makes of examples, to look at: pictures of images, a table of columns of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

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
MARGIN = 0.6
"""Inches for the names of rows."""


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
    """Write rows of pictures as PNG, all on the scale of every other row: that of inputs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    inputs = torch.cat([pictures for _, pictures in lines[::2]]).movedim(1, 0).flatten(1)
    low, high = (edge[:, None, None] for edge in (inputs.amin(1), inputs.amax(1)))
    pictures = torch.stack([row for _, row in lines])
    sheet = _tiled((pictures - low) / (high - low).clamp_min(1e-12))
    down, across = sheet.shape[0] / len(lines), sheet.shape[1] / pictures.shape[1]
    height = INCHES * len(lines)
    width = height * sheet.shape[1] / sheet.shape[0]
    whole = (width + MARGIN, height + MARGIN / 2)
    figure = Figure(figsize=whole, dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((MARGIN / whole[0], 0, width / whole[0], height / whole[1]))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    middles = [down * (line + 0.5) for line in range(len(lines))]
    axes.set_yticks(middles, [name for name, _ in lines])
    middles = [across * (place + 0.5) for place in range(len(headings))]
    axes.set_xticks(middles, [f"own {own:g}" for own in headings])
    axes.tick_params(length=0, labelsize=7, top=False, labeltop=True, labelbottom=False)
    axes.set_frame_on(False)
    write_atomically(path, lambda file: figure.savefig(file, format="png"), durable=False)


def _tiled(pictures: Tensor) -> Any:
    """Return rows of pictures `(r, n, c, h, w)` in [0, 1] as one, gray or coloured, with gaps.

    Of other than three channels their mean is shown.
    """
    if pictures.shape[2] != 3:
        pictures = pictures.mean(2, keepdim=True)
    gap = max(1, pictures.shape[-2] // 16)
    tiles = functional.pad(pictures.clamp(0, 1), (0, gap, 0, gap), value=1.0)
    sheet = tiles.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    return sheet.squeeze(-1).cpu().numpy()
