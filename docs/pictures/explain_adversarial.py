"""Draw a search for the worst point of a ball, and the error of methods over the ball's size.

python docs/pictures/explain_adversarial.py
"""

from __future__ import annotations

from dataclasses import replace

import torch
from _style import BLUE, ORANGE, RED, Picture, grid, line, main
from _toys import arrays, digits
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from mixup_multi import ERM, Batch, BetaShare, Objective, Vicinal
from mixup_multi.analysis.nets import network
from mixup_multi.analysis.toys import two_moons
from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.batch import as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.integrations.loop.method import Method
from mixup_multi.objectives import Adversarial, Trades
from mixup_multi.objectives.losses import Softmax
from mixup_multi.streams import stream

LOSS, STEPS = Softmax(), 120
PLANE = Bounds(torch.ones(()))
PIXELS = Bounds(torch.ones(()), torch.zeros(()), torch.ones(()), largest=1.0)
EPS, RADIUS = 0.1, 0.3
FOUND = pgd(eps=EPS, step=EPS / 3, steps=5)
METHODS = {
    "ERM": ERM(),
    "mixup, α = 1": Vicinal(BetaShare(1.0, "row")),
    "AT": Adversarial(FOUND, bounds=PIXELS),
    "TRADES, β = 6": Trades(replace(FOUND, start="normal"), bounds=PIXELS),
}
ROW = Batch(torch.tensor([[0.56, -0.50]]), torch.tensor([[0.0, 1.0]]))


def _moons() -> Batch:
    points, labels = two_moons(stream(0, "train"), n=200)
    return Batch(points.float(), as_targets(labels, 2))


def _trained(objective: Objective, train: Batch, steps: int) -> nn.Module:
    """Return a network that has seen the rows in each step; `fit` would ask for an adapter."""
    method, sizes = Method(objective), (train.inputs.shape[1], train.targets.shape[1], (64, 64))
    net = network(*sizes, "relu", seed=0, bias=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        method(net, train.inputs, train.targets).backward()
        optimizer.step()
    return net.eval()


def search(figure: Figure) -> None:
    """Draw the search around one point of the plane, and errors on digits over eps."""
    where, errors = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _path(where, _trained(ERM(), _moons(), 300))
    data = digits(rows=400)
    train, test = (Batch(*arrays(data, part)) for part in ("train", "test"))
    sizes = torch.linspace(0, 0.2, 9).tolist()
    for place, (name, method) in enumerate(METHODS.items()):
        net = _trained(method, train, STEPS)
        line(errors, sizes, [_error(net, test, size) for size in sizes], name, place)
    errors.axvline(EPS, color="#8A8A8A", linewidth=0.8)
    errors.set(
        xlabel="eps of PGD-20 (pixels in [0, 1])",
        ylabel="error (%)",
        title=f"Digits; AT and TRADES train at eps = {EPS:g}",
    )
    errors.legend(loc="upper left")
    grid(errors)


def _error(net: nn.Module, test: Batch, eps: float) -> float:
    attack = pgd(eps=eps, step=eps / 8, steps=20)
    _, attacked = attack.perturb(net, test, PIXELS, 0, LOSS)
    with torch.no_grad():
        return 100 * float(LOSS.error(net(attacked.inputs), test.targets).mean())


def _path(ax: Axes, net: nn.Module) -> None:
    """Draw the loss around a point, its ball, one step of FGSM and ten of PGD."""
    row, eps = ROW, RADIUS
    x, y = row.inputs[0].tolist()
    around = torch.linspace(-1.5 * eps, 1.5 * eps, 61)
    up, across = torch.meshgrid(y + around, x + around, indexing="ij")
    places = torch.stack([across, up], -1).flatten(0, 1)
    with torch.no_grad():
        loss = LOSS.value(net(places), row.targets.expand(len(places), 2)).view(61, 61)
    shades = ax.contourf(across, up, loss, levels=10, cmap="Greys")
    ax.figure.colorbar(shades, ax=ax, shrink=0.8).set_label("loss (nats)")
    ball = {"fill": False, "edgecolor": "#1B1B1B", "linestyle": "--"}
    ax.add_patch(Rectangle((x - eps, y - eps), 2 * eps, 2 * eps, **ball))
    for attack, label, colour, marker in (
        (fgsm(eps=eps), "FGSM", ORANGE, "s"),
        (pgd(eps=eps, step=eps / 5, steps=10), "PGD, 10 steps", BLUE, "o"),
    ):
        steps = torch.cat(list(_steps(net, row, attack)))
        ax.plot(*steps.T, marker=marker, markersize=4, color=colour, label=label, linewidth=1.4)
    ax.plot(x, y, "*", color=RED, markersize=10, label="the row")
    ax.set(xticks=[], yticks=[], aspect="equal", title="The loss around one row, and its ball")
    ax.legend(loc="lower right", fontsize=7, frameon=True)


def _steps(net: nn.Module, row: Batch, attack: Attack) -> list[Tensor]:
    """Return where the attack is after 0, 1, ... steps; each climb has the same start."""
    if attack.start == "none":
        found = [row.inputs]
    else:
        still = replace(attack, step=0.0, steps=1)
        found = [still.perturb(net, row, PLANE, 3, LOSS)[1].inputs]
    for steps in range(1, attack.steps + 1):
        found.append(replace(attack, steps=steps).perturb(net, row, PLANE, 3, LOSS)[1].inputs)
    return found


PICTURES = {"explain_adversarial": Picture(7.6, 3.1, search)}

if __name__ == "__main__":
    main(PICTURES)
