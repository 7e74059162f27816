"""The mixup loss against the adversarial loss that it bounds, along training.

Both sides are second-order approximations (see `bound`). The bound is claimed once every training
point is classified right; beside it stand the losses that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi.analysis.analysis import Analysis, Found
from mixup_multi.analysis.bound import bound_of, linear_adversarial_loss, per_row_gradients
from mixup_multi.analysis.checks import check_at_least, check_positive
from mixup_multi.analysis.data import checked_dataset, load_data, table_of
from mixup_multi.analysis.expansion import mixup_loss
from mixup_multi.analysis.nets import network, recorded_steps, trained
from mixup_multi.analysis.panels import below, line, logarithmic_steps, logarithmic_values
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import BetaShare
from mixup_multi.objectives.losses import Sigmoid
from mixup_multi.objectives.objective import Objective
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.recipe.schema import Entry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOUDRY = Entry(name="soudry")
HEADINGS = (
    *("step", "right", "std", "mixup", "mixup_second_order", "adversarial_second_order"),
    *("adversarial_least", "adversarial_true", "radius", "slack"),
)


@dataclass(frozen=True, kw_only=True)
class AdversarialBound(Analysis):
    """L~_mix >= L~_adv with eps_mix = R c_x E[1 - lambda], along training (Zhang, L. et al. 2021).

    Attributes:
        alpha: > 0; of mixing.
        model: `linear`, or `network` with one hidden layer of ReLU; neither has biases.
        width: of the hidden layer.
        adapter: whose data set; None for a toy.
        dataset: its name and settings, of two classes. Inputs are centred.
        rows: at most so many training examples.
        method: what is minimised, with `loss: sigmoid`; None for mixup with this alpha.
        steps: of Adam, on the whole table.
        lr: its learning rate.
        records: at most so many steps are looked at.
        nodes: of the quadrature over shares.
        seed: of data, weights and draws.
    """

    alpha: float = 1.0
    model: Literal["linear", "network"] = "linear"
    width: int = 32
    adapter: str | None = None
    dataset: Entry = SOUDRY
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
        kind = "a linear model" if self.model == "linear" else "a ReLU network"
        return (
            f"Second-order mixup loss (alpha = {self.alpha:g}) of {kind} without biases on"
            f" {self.dataset.name}, and the second-order adversarial loss that it bounds once every"
            " training point is classified right (Zhang, L. et al. 2021); grey: not yet. Right:"
            " the slack (absent where it is negative), and the l2 radius of the ball."
        )

    def compute(self, root: Path, device: torch.device) -> Found:  # noqa: ARG002  (small sums)
        """Return both sides, and the losses that they stand for, at each step looked at."""
        data = load_data(self.adapter, self.dataset, root, self.seed)
        inputs, targets = table_of(data, self.rows, self.seed)
        if targets.shape[1] != 2:
            raise SettingError(
                f"{data.name} has {targets.shape[1]} classes: the bound is of two", ("dataset",)
            )
        labels = targets[:, 1:]
        widths = () if self.model == "linear" else (self.width,)
        model = network(inputs.shape[1], 1, widths, "relu", seed=self.seed, bias=False).double()
        method = self.method or Vicinal(BetaShare(self.alpha, "row"), loss_fn=Sigmoid())
        steps = recorded_steps(self.steps, self.records)
        looks = trained(model, inputs, labels, method, steps=steps, lr=self.lr, seed=self.seed)
        rows = tuple((step, *self._terms(model, inputs, labels)) for step in looks)
        return Found(HEADINGS, rows, _summary(rows))

    def _terms(self, model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, ...]:
        logits, gradients = per_row_gradients(model, inputs)
        bound = bound_of(logits, gradients, inputs, labels[:, 0], self.alpha)
        true = float("nan")
        if self.model == "linear":
            norm = gradients[0].norm()
            true = float(linear_adversarial_loss(logits, norm, labels[:, 0], bound.radius))
        return (
            float(bound.right),
            float(Sigmoid().value(logits[:, None], labels).mean()),
            mixup_loss(model, inputs, labels, self.alpha, self.nodes, Sigmoid()),
            *(float(bound.mixup), float(bound.adversarial), float(bound.adversarial_least)),
            *(true, float(bound.radius), float(bound.slack)),
        )

    def draw(self, found: Found, figure: Figure) -> None:
        """Draw both sides, and their difference."""
        losses, rest = figure.subplots(1, 2)
        steps = found.column("step")
        for place, (column, label) in enumerate(SHOWN.items()):
            if not np.isnan(found.column(column)).all():
                line(losses, steps, found.column(column), label, place)
        losses.set(ylabel="loss (nats)", title="Both sides of the bound")
        slack = found.column("slack")
        line(rest, steps, np.where(slack > 0, slack, np.nan), "slack (nats)", 0)
        line(rest, steps, found.column("radius"), "radius (inputs' units)", 1)
        rest.set(title="Slack and radius")
        logarithmic_values(rest)
        wrong = steps[found.column("right") < 1]
        for ax in (losses, rest):
            logarithmic_steps(ax)
            below(ax, 2)
            if len(wrong):
                ax.axvspan(0, wrong.max(), color="#8A8A8A", alpha=0.2, linewidth=0)


SHOWN = {
    "mixup_second_order": "mixup, second order",
    "adversarial_second_order": "adversarial, radius εᵢ√d",
    "adversarial_least": "adversarial, radius ε√d",
    "std": "plain loss",
    "mixup": "mixup loss",
    "adversarial_true": "true adversarial loss",
}


def _summary(rows: tuple[tuple[float, ...], ...]) -> dict[str, float]:
    table = np.array(rows)
    column = {name: table[:, place] for place, name in enumerate(HEADINGS)}
    right = column["right"] == 1
    found = {"steps looked at with all points right": float(right.sum())}
    if right.any():
        found["least slack there (nats)"] = float(column["slack"][right].min())
        found["largest radius there"] = float(column["radius"][right].max())
        beyond = column["mixup"] - np.nan_to_num(column["adversarial_true"])
        if not np.isnan(column["adversarial_true"]).any():
            found["least mixup - true adversarial there (nats)"] = float(beyond[right].min())
    return found
