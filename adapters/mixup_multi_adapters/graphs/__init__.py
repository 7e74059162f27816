"""Graph data sets (TUDatasets, synthetic motifs) and GIN."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from mixup_multi.engine.source import Dataset

from .datasets import DATASETS
from .gin import Gin, gin
from .graph_batch import GraphBatch
from .packed import GraphStore, PackedGraphs


class GraphAdapter:
    """Graphs: labelled graphs of different sizes, gathered from packed storage."""

    datasets: Mapping[str, Dataset] = DATASETS
    models: Mapping[str, Callable[..., nn.Module]] = {"gin": gin}


__all__ = ["Gin", "GraphAdapter", "GraphBatch", "GraphStore", "PackedGraphs", "gin"]
