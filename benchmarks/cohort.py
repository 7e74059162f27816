"""A cohort of tabular cells against the same cells one by one, in one process and in two.

    python benchmarks/cohort.py
    python benchmarks/cohort.py --batch 16 --width 16 --threads 1

Both train 5 seeds of ERM, mixup and MixupE: multi-layer perceptrons of 2 x 128 units with Adam,
on synthetic rows, each seed with rows of its own. What is timed are whole runs of some epochs,
from freshly initialised weights to trained states. Nothing is evaluated on the way.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence

import torch
from _timing import Row, machine, print_rows, race
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort import start_cohort, train_cohort
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, LOSSES, MixupE, Vicinal
from mixup_multi.points import Staged

CLASSES = 10
MIXUP = Vicinal(BetaShare(0.4))
METHODS = (ERM(), MIXUP, MixupE(MIXUP, eta=1.0))


def read_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1600, help="training rows")
    parser.add_argument("--width", type=int, default=64, help="columns")
    parser.add_argument("--batch", type=int, default=128, help="rows a step")
    parser.add_argument("--epochs", type=int, default=20, help="of each run")
    parser.add_argument("--seeds", type=int, default=5, help="of each method")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turns")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--batch-norm", action="store_true", help="normalise the hidden layers")
    parser.add_argument("--device", default="cpu", help="where to train")
    return parser.parse_args()


def jobs_of(options: argparse.Namespace) -> list[loop.Job]:
    """Return one job for each seed and method; the methods of a seed share its data."""
    device = torch.device(options.device)
    train = Train(epochs=options.epochs, batch_size=options.batch)
    jobs = []
    for seed in range(options.seeds):
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(options.rows, options.width, generator=generator)
        labels = torch.randint(0, CLASSES, (options.rows,), generator=generator)
        source = TensorSource(inputs, labels, CLASSES, [""] * options.rows).to(device)
        data = Data("synthetic", source, source, None, tuple("0123456789"), str(seed))
        jobs += [
            loop.Job(data, build(options), method, LOSSES["softmax"], train, seed, device)
            for method in METHODS
        ]
    return jobs


def build(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Return a builder of the network."""

    def layer(into: int, out: int) -> nn.Sequential:
        norm = [nn.BatchNorm1d(out)] if options.batch_norm else []
        return nn.Sequential(nn.Linear(into, out), *norm, nn.ReLU())

    def network() -> nn.Module:
        last = nn.Linear(128, CLASSES)
        first = layer(options.width, 128)
        return Staged({"input": first, "hidden1": layer(128, 128), "hidden2": last})

    return network


def one_by_one(jobs: Sequence[loop.Job]) -> None:
    """Train each job alone."""
    for job in jobs:
        loop.run(job, loop.start(job))
    _wait(jobs)


def together(jobs: Sequence[loop.Job]) -> None:
    """Train the jobs as one cohort."""
    named = {str(place): job for place, job in enumerate(jobs)}
    train_cohort(named, start_cohort(named))
    _wait(jobs)


def train_share(options: argparse.Namespace, share: int) -> None:
    """Train every second job alone, with one thread: what one of two processes does."""
    torch.set_num_threads(1)
    one_by_one(jobs_of(options)[share::2])


def _wait(jobs: Sequence[loop.Job]) -> None:
    if jobs[0].device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Let both train in turns and print the ratio."""
    options = read_arguments()
    torch.set_num_threads(options.threads)
    jobs = jobs_of(options)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        shares = [(options, share) for share in range(2)]
        ways = {
            "cohort": lambda: together(jobs),
            "alone": lambda: one_by_one(jobs),
            "two processes": lambda: pool.starmap(train_share, shares, chunksize=1),
        }
        seconds = race(ways, options.rounds, warm_up=1)
    print(machine())
    case = f"{len(jobs)} cells, {options.width} columns, batches of {options.batch}"
    floors = (4.0, 2.0) if len(jobs) == 15 and options.device == "cpu" else (None, None)
    rows = [
        Row(f"{case}; {way}", seconds["cohort"], seconds[way], at_least=floor)
        for way, floor in zip(("alone", "two processes"), floors, strict=True)
    ]
    print_rows(f"a cohort against one by one, {options.epochs} epochs", rows)
    if floors[0] is None:
        print("ratios are cohort / the other way")


if __name__ == "__main__":
    main()
