"""Draw which streams a seed has, and which numbers of them two methods see.

python docs/pictures/explain_randomness.py
"""

from __future__ import annotations

import torch
from _style import BLUE, GREY, ORANGE, Picture, main
from matplotlib.figure import Figure

from mixup_multi.streams import NAMES, seed_of, stream

USES = {
    "init": "weights",
    "order": "order of the examples",
    "augment": "crops, flips, noise of adapters",
    "mix": "what the method draws",
    "dropout": "dropout (seeded where training begins)",
}
SHOWN = 14


def streams(figure: Figure) -> None:
    """Draw the first numbers of each stream, as ERM and as mixup take them."""
    ax = figure.subplots()
    for row, name in enumerate(NAMES):
        uniform = torch.rand(SHOWN, generator=stream(0, name)).tolist()
        taken = 0 if name == "mix" else SHOWN
        for place, value in enumerate(uniform):
            bar = {"color": BLUE, "width": 0.7, "bottom": -row}
            ax.bar(place, 0.62 * value, alpha=1 if place < taken else 0.18, **bar)
            ax.bar(place + SHOWN + 3, 0.62 * value, **{**bar, "color": ORANGE})
        ax.text(-1, 0.25 - row, f"{name}: {USES[name]}", ha="right", va="center", fontsize=8)
        after = f"seed {seed_of(0, name):x}"[:11] + "…"
        ax.text(2 * SHOWN + 3, 0.25 - row, after, va="center", fontsize=7, color=GREY)
    ax.text(SHOWN / 2 - 0.5, 0.95, "ERM, seed 0", ha="center", weight="bold")
    ax.text(1.5 * SHOWN + 2.5, 0.95, "mixup, seed 0", ha="center", weight="bold")
    ax.set(xlim=(-15, 2 * SHOWN + 7), ylim=(-len(NAMES) + 0.8, 1.2))
    ax.axis("off")


PICTURES = {"explain_randomness": Picture(7.8, 2.6, streams)}

if __name__ == "__main__":
    main(PICTURES)
