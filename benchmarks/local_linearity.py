"""Local linearity against the PGD attack of as many steps and restarts, with its last look.

Both start at random, climb in the same ball and look at what they reached. Local linearity has the
tangent at the row itself to compute, once for all restarts; the rest of its search costs what a
step of PGD does (`mixup_multi.evaluations.local_linearity`). PGD with several restarts compares
what they reach; with one it looks at the loss of what it found.

Floor: at most 1.2 times PGD's time, with the default 10 steps.

    python benchmarks/local_linearity.py [--batch 64] [--rounds 7] [--threads 1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from _timing import Row, machine, print_rows, race
from torch import Generator, nn

from mixup_multi import door
from mixup_multi.attacks import Attack, Ball
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Trial
from mixup_multi.evaluations.local_linearity import bend
from mixup_multi.objectives.losses import Softmax

EPS, STEPS = 0.1, 10
FREE = Bounds(torch.ones(()))
CASES = (
    ("tabular", "sklearn_iris", "mlp"),
    ("images", "digits", "small_cnn"),
    ("images", "digits", "preact_resnet18"),
)


def linearity(model: nn.Module, batch: Batch, restarts: int) -> object:
    """Search for the largest distance from the tangent."""
    ball = Ball(batch.inputs, FREE, EPS, "linf")
    score = lambda x: Softmax().value(model(x), batch.targets)  # noqa: E731
    return bend(score, ball, EPS / 4, STEPS, restarts, Generator().manual_seed(0))


def attacked(model: nn.Module, batch: Batch, restarts: int) -> object:
    """Attack, and look at what was reached."""
    attack = Attack(EPS, EPS / 4, STEPS, restarts=restarts, point="input")
    _, moved = attack.perturb(model, batch, FREE, 0, Softmax())
    with torch.no_grad():
        return Softmax().value(model(moved.inputs), batch.targets)


def main() -> None:
    """Time both in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for adapter, data_name, model_name in CASES:
        made = door.load_adapter(adapter)
        data = made.datasets[data_name].load(Path(), Trial())
        torch.manual_seed(0)
        model = made.models[model_name](data).eval()
        batch = data.train.gather(torch.arange(options.batch) % len(data.train))
        for restarts in (1, 3):
            contenders = {
                "gamma": lambda m=model, b=batch, r=restarts: linearity(m, b, r),
                "pgd": lambda m=model, b=batch, r=restarts: attacked(m, b, r),
            }
            found = race(contenders, options.rounds, 1, least_seconds=0.2)
            case = f"{model_name} on {data_name}, restarts {restarts}"
            rows.append(Row(case, found["gamma"], found["pgd"], at_most=1.2))
    print_rows(f"local linearity against PGD-{STEPS}, {options.batch} rows ({machine()})", rows)


if __name__ == "__main__":
    main()
