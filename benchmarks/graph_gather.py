"""Gathering a batch of graphs: packed storage against PyG's `DataLoader`, in one run.

    python benchmarks/graph_gather.py
    python benchmarks/graph_gather.py --data DIR --table PROTEINS --batch 32

Both yield the same shuffled batches of the same graphs as `x`, `edge_index` and `batch` on the
CPU. PyG gets a list of ready `Data` objects and no worker processes. One thread, unless told
otherwise: on a busy machine threads that wait for one another would be what is measured.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch_geometric.data import Data as PygData
from torch_geometric.loader import DataLoader

from mixup_multi.engine.source import Trial
from mixup_multi_adapters.graphs import GraphAdapter, PackedGraphs


def read_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data root; synthetic motif graphs without it")
    parser.add_argument("--table", default="PROTEINS", help="a TUDataset below the data root")
    parser.add_argument("--batch", type=int, default=128, help="graphs a batch")
    parser.add_argument("--repeats", type=int, default=15, help="epochs of each, alternating")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return parser.parse_args()


def load_source(data: Path | None, table: str) -> PackedGraphs:
    """Return the training part of a real or a synthetic data set."""
    datasets = GraphAdapter().datasets
    if data is None:
        source = datasets["motifs"].load(Path(), Trial(), graphs=1000).train
    else:
        source = datasets["tudataset"].load(data, Trial(), table=table).train
    if not isinstance(source, PackedGraphs):
        raise TypeError(f"expected packed graphs, got {type(source).__name__}")
    return source


def one_by_one(source: PackedGraphs) -> list[PygData]:
    """Return the graphs as PyG's objects, made once."""
    single = (source.gather(torch.tensor([row])) for row in range(len(source)))
    return [PygData(x=b.inputs.x, edge_index=b.inputs.edge_index, y=b.targets) for b in single]


def packed_epoch(source: PackedGraphs, size: int) -> Iterable[object]:
    """Yield an epoch's batches from packed storage."""
    return (source.gather(index) for index in torch.randperm(len(source)).split(size))


def seconds_a_batch(epoch: Callable[[], Iterable[object]]) -> float:
    """Return what a batch costs, on average over an epoch."""
    start = time.perf_counter()
    batches = sum(1 for _ in epoch())
    return (time.perf_counter() - start) / batches


def main() -> None:
    """Measure both in turns and print the ratio of their medians."""
    options = read_arguments()
    torch.set_num_threads(options.threads)
    source = load_source(options.data, options.table)
    loader = DataLoader(one_by_one(source), batch_size=options.batch, shuffle=True)
    ways = {"packed": lambda: packed_epoch(source, options.batch), "PyG": lambda: loader}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, epoch in ways.items():
            times[name].append(seconds_a_batch(epoch))
    packed, pyg = (statistics.median(times[name]) for name in ways)
    name = options.table if options.data else "synthetic motif graphs"
    print(f"{name}: {len(source):,} graphs in batches of {options.batch}, {options.threads} thread")
    print(f"packed storage    {packed * 1e6:9,.0f} us a batch")
    print(f"PyG's DataLoader  {pyg * 1e6:9,.0f} us a batch")
    print(f"ratio             {pyg / packed:9.1f}  (wanted: at least 5 at 128 graphs)")


if __name__ == "__main__":
    main()
