"""What methods make of points in the plane: the probability of a class, side by side.

The picture by which mixup is explained (Zhang, H. et al. 2018, figure 1b), for any methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.analysis.analysis import Analysis, Found
from mixup_multi.analysis.checks import check_at_least
from mixup_multi.analysis.data import TWO_MOONS, checked_dataset, load_data
from mixup_multi.analysis.nets import evaluating, network
from mixup_multi.drawing import INK
from mixup_multi.engine.evaluate import outputs_of
from mixup_multi.engine.loop import Job, run, start
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Softmax
from mixup_multi.objectives.objective import Objective
from mixup_multi.recipe.schema import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = (
    Entry(name="erm", label="ERM"),
    Entry(name="mixup", label="Mixup"),
    Entry(name="mixupe", label="MixupE"),
    Entry(name="manifold_mixup", label="Manifold Mixup"),
)
TRAIN = Train(epochs=300, batch_size=50, lr=1e-2)
HEADINGS = ("method", "what", "x1", "x2", "probability")
MARGIN = 0.6  # around the points, in their units
COLOURMAP = "RdBu_r"  # told apart also by people with colour-blindness; its middle is white
SHADES = 11


@dataclass(frozen=True, kw_only=True)
class DecisionSurface(Analysis):
    """The probability of class 1 in the plane, of each of several methods.

    Attributes:
        dataset: a toy of two classes in the plane, and its settings.
        methods: their names and settings, one or more; each is a panel.
        widths: of the network's hidden layers of ReLU, each of whose entrances is a point.
        train: as in a recipe.
        grid: on so many places a side the probability is asked.
        seed: of points, weights and draws.
    """

    dataset: Entry = TWO_MOONS
    methods: tuple[Entry, ...] = METHODS
    widths: tuple[int, ...] = (64, 64)
    train: Train = TRAIN
    grid: int = 61
    seed: int = 0

    @property
    def size(self) -> tuple[float, float]:  # type: ignore[override]
        """Width and height: up to three panels side by side."""
        across = min(3, len(self.methods))
        return 2.4 * across + 0.8, 2.5 * -(-len(self.methods) // across) + 0.2

    def __post_init__(self) -> None:
        check_at_least(2, grid=self.grid)
        if not self.methods:
            raise SettingError("methods is empty: expected one or more", ("methods",))
        if len({method.shown for method in self.methods}) < len(self.methods):
            raise SettingError("two methods have one label; give each its own", ("methods",))
        checked_dataset(None, self.dataset)
        for method in self.methods:
            _objective(method)

    @property
    def caption(self) -> str:
        """What the figure shows."""
        return (
            f"The probability of class 1 that a {'-'.join(map(str, self.widths))} network of ReLU"
            f" gives after {self.train.epochs} epochs on the points, {self.dataset.name}; the line"
            " is where it is 1/2. Test error on as many other points; the slope is the mean length"
            " of the probability's gradient over the plane shown."
        )

    def compute(self, root: Path, device: torch.device) -> Found:
        """Train each method on the same points, from the same weights."""
        data = load_data(None, self.dataset, root, self.seed)
        points, labels = _points(data)
        places = _places(points, self.grid)
        rows: list[tuple[Any, ...]] = [
            ("", "point", *place, float(label))
            for place, label in zip(points.tolist(), labels.tolist(), strict=True)
        ]
        values: dict[str, float] = {}
        for method in self.methods:
            name = method.shown
            model = self._trained(data, _objective(method), device)
            said, slope = probabilities(model, places.to(device))
            lines = zip(places.tolist(), said.tolist(), strict=True)
            rows += [(name, "surface", *place, value) for place, value in lines]
            outputs = outputs_of(model, data.test, 512, device, False)
            values[f"test error in %, {name}"] = outputs.error(Softmax())
            values[f"mean slope (per unit), {name}"] = float(slope.mean())
        return Found(HEADINGS, tuple(rows), values)

    def _trained(self, data: Data, objective: Objective, device: torch.device) -> nn.Module:
        def build() -> nn.Module:
            return network(2, 2, self.widths, "relu", seed=self.seed, bias=True)

        job = Job(data, build, objective, Softmax(), self.train, self.seed, device)
        state = start(job)
        run(job, state)
        return state.model

    def draw(self, found: Found, figure: Figure) -> None:
        """Draw a panel a method, and one scale."""
        across = min(3, len(self.methods))
        panels = figure.subplots(-(-len(self.methods) // across), across, squeeze=False).ravel()
        for ax in panels[len(self.methods) :]:
            ax.set_visible(False)
        for ax, method in zip(panels, self.methods, strict=False):
            shades = _draw(ax, found, method.shown)
            error = found.values[f"test error in %, {method.shown}"]
            slope = found.values[f"mean slope (per unit), {method.shown}"]
            ax.set_title(f"{method.shown}\n{error:.1f} % error, slope {slope:.2f}")
        bar = figure.colorbar(shades, ax=panels.tolist(), shrink=0.7, ticks=[0, 0.5, 1])
        bar.set_label("probability of class 1")


def _objective(method: Entry) -> Objective:
    """Return the objective that an entry names; where it lacks a loss it has the softmax's.

    Raises:
        SettingError: there is none, or it has other settings.
    """
    try:
        settings = door.check_settings(door.load_objective(method.name), method.settings)
    except SettingError as error:
        raise SettingError(f"method {method.name!r}: {error}", ("methods",)) from error
    made: Objective = door.build_objective({"name": method.name, **settings})
    return made


def _points(data: Data) -> tuple[Tensor, Tensor]:
    batch = data.train.gather(torch.arange(len(data.train)))
    inputs: Any = batch.inputs
    return inputs.double(), batch.targets.argmax(1)


def _places(points: Tensor, grid: int) -> Tensor:
    """Return the places `(grid^2, 2)` of a lattice around the points, row by row."""
    low, high = points.amin(0) - MARGIN, points.amax(0) + MARGIN
    across, up = (torch.linspace(float(low[i]), float(high[i]), grid) for i in range(2))
    rows, columns = torch.meshgrid(up, across, indexing="ij")
    return torch.stack([columns, rows], -1).flatten(0, 1)


def probabilities(model: nn.Module, places: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probability of class 1 at places `(m, 2)`, and the length of its gradient."""
    at = places.clone().requires_grad_()
    with evaluating(model):
        said = model(at).softmax(1)[:, 1]
        (gradient,) = torch.autograd.grad(said.sum(), at)
    return said.detach().cpu(), gradient.norm(dim=1).cpu()


def _draw(ax: Axes, found: Found, method: str) -> Any:
    columns = [found.column(name, method=method, what="surface") for name in HEADINGS[2:]]
    side = round(len(columns[0]) ** 0.5)
    x, y, said = (column.astype(float).reshape(side, side) for column in columns)
    levels = np.linspace(0, 1, SHADES)
    shades = ax.contourf(x, y, said, levels=levels, cmap=COLOURMAP, alpha=0.8)
    if said.min() < 0.5 < said.max():
        ax.contour(x, y, said, levels=[0.5], colors="#000000", linewidths=1.2)
    for value, marker, colour in ((0.0, "o", "#053061"), (1.0, "^", "#67001F")):
        x1, x2 = (found.column(name, what="point", probability=value) for name in ("x1", "x2"))
        ax.scatter(x1, x2, s=12, marker=marker, c=colour, edgecolors="#FFFFFF", linewidths=0.4)
    ax.set(aspect="equal", xticks=[], yticks=[])
    for side_of_box in ax.spines.values():
        side_of_box.set_edgecolor(INK)
    return shades
