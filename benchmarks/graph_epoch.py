"""An epoch of a fold of GIN: alone, and in a cohort of folds, against PyG the plain way.

    python benchmarks/graph_epoch.py --data DIR
    python benchmarks/graph_epoch.py --data DIR --table MUTAG --threads 2

All train the same network from the same initial weights by ERM with Adam: 50 steps of 32 graphs
of a fold's training part, 5 layers of 32 units, sum readout, dropout 0.5. PyG's way is its
`DataLoader` over ready `Data` objects with `GINConv`, `global_add_pool` and PyTorch's Adam as it
comes. Times are of one fold's epoch: a cohort's are divided by its folds. Nothing is evaluated.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from _timing import Row, machine, print_rows, race
from torch import Tensor, nn
from torch_geometric.data import Data as PygData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINConv, global_add_pool

from mixup_multi.engine import loop
from mixup_multi.engine.cohort import start_cohort, train_cohort
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, Trial
from mixup_multi.objectives import ERM, LOSSES
from mixup_multi_adapters.graphs import GraphAdapter, gin

STEPS, BATCH, HIDDEN, LR = 50, 32, 32, 0.01


def read_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data root; synthetic motif graphs without it")
    parser.add_argument("--table", default="PROTEINS", help="a TUDataset below the data root")
    parser.add_argument("--folds", type=int, default=10, help="of a cohort")
    parser.add_argument("--epochs", type=int, default=2, help="of each run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turns")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return parser.parse_args()


class PygGin(nn.Module):
    """The same network on PyG's convolution and pooling."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        widths = [width, *[HIDDEN] * 4]
        self.convs = nn.ModuleList(GINConv(self._mlp(into)) for into in widths[:-1])
        self.norms = nn.ModuleList(nn.BatchNorm1d(HIDDEN) for _ in self.convs)
        self.maps = nn.ModuleList(nn.Linear(into, classes) for into in widths)
        self.dropout = nn.Dropout(0.5)

    @staticmethod
    def _mlp(width: int) -> nn.Sequential:
        norm = nn.BatchNorm1d(HIDDEN)
        return nn.Sequential(nn.Linear(width, HIDDEN), norm, nn.ReLU(), nn.Linear(HIDDEN, HIDDEN))

    def forward(self, x: Tensor, edges: Tensor, graph: Tensor) -> Tensor:
        """Return logits."""
        scores = self.dropout(self.maps[0](global_add_pool(x, graph)))
        for conv, norm, map_ in zip(self.convs, self.norms, self.maps[1:], strict=True):
            x = norm(conv(x, edges)).relu()
            scores = scores + self.dropout(map_(global_add_pool(x, graph)))
        return scores


def pyg_run(data: Data, epochs: int) -> Callable[[], None]:
    """Return what trains a fold the plain way."""
    one = [data.train.gather(torch.tensor([row])) for row in range(len(data.train))]
    graphs = [
        PygData(x=b.inputs.x, edge_index=b.inputs.edge_index, y=b.targets.argmax(1)) for b in one
    ]

    def train() -> None:
        torch.manual_seed(0)
        model = PygGin(int(data.facts["features"]), len(data.classes)).train()
        optimizer = torch.optim.Adam(model.parameters(), LR)
        for _ in range(epochs):
            loader = DataLoader(graphs, BATCH, shuffle=True, drop_last=True)
            for batch in islice((b for _ in range(STEPS) for b in loader), STEPS):
                logits = model(batch.x, batch.edge_index, batch.batch)
                loss = nn.functional.cross_entropy(logits, batch.y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return train


def jobs_of(folds: Sequence[Data], epochs: int) -> list[loop.Job]:
    """Return a job for each fold."""
    train = Train(epochs=epochs, steps_per_epoch=STEPS, batch_size=BATCH, lr=LR)
    cpu = torch.device("cpu")
    return [
        loop.Job(fold, partial(gin, fold, hidden=HIDDEN), ERM(), LOSSES["softmax"], train, 0, cpu)
        for fold in folds
    ]


def main() -> None:
    """Let all train in turns and print the ratios."""
    options = read_arguments()
    torch.set_num_threads(options.threads)
    datasets = GraphAdapter().datasets
    if options.data is None:
        load = partial(datasets["motifs"].load, Path())
    else:
        load = partial(datasets["tudataset"].load, options.data, table=options.table)
    folds = [load(Trial(0, fold, 10)) for fold in range(options.folds)]
    jobs = jobs_of(folds, options.epochs)

    def alone() -> None:
        loop.run(jobs[0], loop.start(jobs[0]))

    named = {str(fold): job for fold, job in enumerate(jobs)}
    ways = {
        "PyG": pyg_run(folds[0], options.epochs),
        "alone": alone,
        "cohort": lambda: train_cohort(named, start_cohort(named)),
    }
    seconds = race(ways, options.rounds, warm_up=1)
    shares = {"PyG": 1, "alone": 1, "cohort": len(folds)}
    epoch = {name: [s / options.epochs / shares[name] for s in seconds[name]] for name in seconds}
    print(machine())
    name = options.table if options.data else "synthetic motif graphs"
    rows = [
        Row("alone, against PyG", epoch["alone"], epoch["PyG"], at_least=2.0),
        Row(f"cohort of {len(folds)}, against PyG", epoch["cohort"], epoch["PyG"], at_least=2.0),
        Row(f"cohort of {len(folds)}, against alone", epoch["cohort"], epoch["alone"]),
    ]
    print_rows(f"{name}: an epoch of a fold, {STEPS} steps of {BATCH} graphs", rows)
    print("the last ratio is cohort / alone")


if __name__ == "__main__":
    main()
