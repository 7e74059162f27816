"""Draw boxes that are pasted, and the share of the label that is left beside the drawn one.

python docs/pictures/explain_cutmix.py
"""

from __future__ import annotations

import torch
from _style import BLUE, GREY, RED, Picture, grid, main
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import Tensor

from mixup_multi.mix import BetaShare, Cut, Mix
from mixup_multi.streams import stream

SIDE, DRAWS = 32, 1500


def _pair() -> Tensor:
    """Return two digits, `(2, 1, 32, 32)`, in [0, 1]."""
    images = torch.from_numpy(load_digits().images[[0, 7]]).float() / 16
    return torch.nn.functional.interpolate(images[:, None], size=(SIDE, SIDE), mode="bicubic")


def boxes(figure: Figure) -> None:
    """Draw an image, two pastes with one drawn share, and the labels' share over it."""
    first, second, third, shares = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.5))
    pair, mix = _pair(), Mix(torch.tensor([1, 0]), torch.tensor([0.6], dtype=torch.float64))
    _show(first, pair[0, 0], "the row")
    for ax, (place, centre) in zip(
        (second, third), {"inside": (0.5, 0.5), "at the border": (0.05, 0.9)}.items(), strict=True
    ):
        pasted, labels = Cut()(pair, mix, torch.tensor([centre], dtype=torch.float64))
        _show(ax, pasted[0, 0], f"λ = 0.6, box {place}:\nlabel share {float(labels.own):.3f}")
    own, kept = _shares()
    shares.plot([0, 1], [0, 1], color=RED, linewidth=1)
    shares.scatter(own, kept, s=5, color=BLUE, alpha=0.4, linewidths=0)
    shares.axhline(float(kept.mean()), color=GREY, linestyle="--", linewidth=1)
    title = f"{DRAWS:,} draws: the mean\nlabel share is {float(kept.mean()):.2f}"
    shares.set(xlabel="drawn λ, Beta(1, 1)", ylabel="label share", title=title)
    grid(shares)


def _show(ax: Axes, image: Tensor, title: str) -> None:
    ax.imshow(image.numpy(), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)


def _shares() -> tuple[Tensor, Tensor]:
    """Return drawn shares and those that labels get, `(DRAWS,)`."""
    generator = stream(0, "mix")
    own = BetaShare(1.0, "row").draw(DRAWS, generator)
    blank = torch.zeros(DRAWS, 1, SIDE, SIDE)
    _, labels = Cut()(blank, Mix(torch.arange(DRAWS), own), Cut().draw(DRAWS, generator))
    return own, labels.own


PICTURES = {"explain_cutmix": Picture(7.8, 2.4, boxes)}

if __name__ == "__main__":
    main(PICTURES)
