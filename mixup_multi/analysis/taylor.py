"""How well the second-order expansion tells the mixup loss, while a model is trained.

Follows Zhang, L. et al. (2021), whose figure shows the mixup loss and its approximation for
logistic regression and a two-layer ReLU network; data and training there are not stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi.analysis.analysis import Analysis, Found
from mixup_multi.analysis.checks import check_at_least, check_positive
from mixup_multi.analysis.data import TWO_MOONS, checked_dataset, load_data, table_of
from mixup_multi.analysis.expansion import (
    Expansion,
    expansion,
    linear_expansion,
    linear_mixup_loss,
    mixup_loss,
)
from mixup_multi.analysis.nets import network, recorded_steps, trained
from mixup_multi.analysis.panels import below, line, logarithmic_steps
from mixup_multi.drawing import INK
from mixup_multi.mix.draw import BetaShare
from mixup_multi.objectives.objective import Objective
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.recipe.schema import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADINGS = ("step", "mixup", "expansion", "std", "R1", "R2", "R3", "error")


@dataclass(frozen=True, kw_only=True)
class Taylor(Analysis):
    """L_mix against L_std + R1 + R2 + R3 along training (Zhang, L. et al. 2021).

    Attributes:
        alpha: > 0; of mixing.
        model: `linear` (logistic regression, in closed form) or `network` (one hidden layer).
        width: of the hidden layer.
        activation: of the hidden layer; with relu R3 is 0 almost everywhere.
        adapter: whose data set; None for a toy.
        dataset: its name and settings. Inputs are centred and used as one table.
        rows: at most so many training examples; the work grows with their square.
        method: what is minimised; None for mixup with this alpha, a share a row.
        steps: of Adam, on the whole table.
        lr: its learning rate.
        records: at most so many steps are looked at, evenly spaced in the logarithm.
        nodes: of the quadrature over shares.
        seed: of data, weights and draws.
    """

    alpha: float = 1.0
    model: Literal["linear", "network"] = "linear"
    width: int = 32
    activation: Literal["relu", "softplus", "tanh"] = "relu"
    adapter: str | None = None
    dataset: Entry = TWO_MOONS
    rows: int = 100
    method: Objective | None = None
    steps: int = 500
    lr: float = 0.03
    records: int = 25
    nodes: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(alpha=self.alpha, lr=self.lr)
        check_at_least(1, width=self.width, steps=self.steps, nodes=self.nodes)
        check_at_least(2, rows=self.rows, records=self.records)
        checked_dataset(self.adapter, self.dataset)

    @property
    def caption(self) -> str:
        """What the figure shows."""
        kind = "logistic regression" if self.model == "linear" else f"a {self.activation} network"
        return (
            f"The mixup loss (all pairs, exact mean over shares, alpha = {self.alpha:g}) and its"
            " second-order expansion, plain loss + R₁ + R₂ + R₃ (Zhang, L. et al. 2021), of"
            f" {kind} on up to {self.rows} rows of {self.dataset.name}, while it is trained. Right:"
            " the terms (R₃ only where it is not 0), and the error, expansion - mixup loss."
        )

    def compute(self, root: Path, device: torch.device) -> Found:  # noqa: ARG002  (small sums)
        """Return all terms at each step that is looked at."""
        data = load_data(self.adapter, self.dataset, root, self.seed)
        inputs, targets = table_of(data, self.rows, self.seed)
        widths = () if self.model == "linear" else (self.width,)
        shape = (inputs.shape[1], targets.shape[1], widths, self.activation)
        model = network(*shape, seed=self.seed, bias=True).double()
        method = self.method or Vicinal(BetaShare(self.alpha, "row"))
        steps = recorded_steps(self.steps, self.records)
        looks = trained(model, inputs, targets, method, steps=steps, lr=self.lr, seed=self.seed)
        rows = tuple((step, *self._terms(model, inputs, targets)) for step in looks)
        return Found(HEADINGS, rows, _summary(rows))

    def _terms(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> tuple[float, ...]:
        found: Expansion
        if self.model == "linear":
            logits = model(inputs).detach()
            mixed = linear_mixup_loss(logits, targets, self.alpha, self.nodes)
            found = linear_expansion(logits, targets, self.alpha)
        else:
            mixed = mixup_loss(model, inputs, targets, self.alpha, self.nodes)
            found = expansion(model, inputs, targets, self.alpha)
        terms = (found.std, found.r1, found.r2, found.r3)
        return mixed, found.total, *terms, found.total - mixed

    def draw(self, found: Found, figure: Figure) -> None:
        """Draw the losses, and the terms."""
        losses, terms = figure.subplots(1, 2)
        _draw(losses, found, {"mixup": "mixup loss", "expansion": "expansion", "std": "plain loss"})
        losses.set(ylabel="loss (nats)", title="Mixup loss and its expansion")
        _draw(terms, found, {"R1": "R₁", "R2": "R₂", "R3": "R₃", "error": "error"})
        terms.axhline(0, color=INK, linewidth=0.6)
        terms.set(ylabel="nats", title="Terms, and what they leave")


def _draw(ax: Axes, found: Found, columns: dict[str, str]) -> None:
    """Draw columns, each in a style of its own, but for R3 where it is 0 throughout."""
    for place, (column, label) in enumerate(columns.items()):
        if found.column(column).any():
            line(ax, found.column("step"), found.column(column), label, place)
    logarithmic_steps(ax)
    below(ax, len(columns))


def _summary(rows: tuple[tuple[float, ...], ...]) -> dict[str, float]:
    table = np.array(rows)
    error, mixed = table[:, HEADINGS.index("error")], table[:, HEADINGS.index("mixup")]
    return {
        "largest relative error in %": 100 * float(np.abs(error / mixed).max()),
        "relative error at the end in %": 100 * float(error[-1] / mixed[-1]),
        "mixup loss at the end": float(mixed[-1]),
    }
