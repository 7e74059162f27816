"""The graph isomorphism network of Xu et al., "How Powerful are Graph Neural Networks?" (2019).

The layers follow the authors' released code (powerful-gnns). Nodes of different graphs do not
correspond, so there is no point at the input; what can be mixed is a graph's pooled vectors.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.parts import ONE, Run
from mixup_multi.points import Edits, check_points
from mixup_multi.tree import Tree

from .bags import Bags, sum_bags
from .graph_batch import Packing
from .heads import LinearHead, MlpHead, Pooled, edit_pooled

Readout = Literal["sum", "mean"]


def node_mlp(width: int, hidden: int, layers: int) -> nn.Sequential:
    """Return `layers` linear maps with BatchNorm and ReLU between them, none after the last."""
    modules: list[nn.Module] = []
    for into, out in pairwise([width, *[hidden] * (layers - 1)]):
        modules += [nn.Linear(into, out), nn.BatchNorm1d(out), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(width if layers == 1 else hidden, hidden))


class Convolution(nn.Module):
    """`relu(norm(mlp((1 + eps) h_v + sum of h over the neighbours of v)))`."""

    def __init__(self, width: int, hidden: int, mlp_layers: int, learn_eps: bool) -> None:
        super().__init__()
        self.mlp = node_mlp(width, hidden, mlp_layers)
        self.norm = nn.BatchNorm1d(hidden)
        self.eps = nn.Parameter(torch.zeros(())) if learn_eps else None

    def forward_by(self, run: Run, h: Tensor, inputs: Tree, counts: list[int]) -> Tensor:
        """Map node features `(nodes, width)` to `(nodes, hidden)`."""
        own = h if self.eps is None else (1 + run.value(self, "eps", counts)) * h
        mapped = run(self.mlp, own + _neighbours(h, inputs), counts)
        return torch.relu(run(self.norm, mapped, counts))


def _packing(inputs: Tree) -> Packing | None:
    """Return what is known of a batch's tensors; of PyG's nothing."""
    packed: Packing | None = getattr(inputs, "packed", None)
    return packed


def _neighbours(h: Tensor, inputs: Tree) -> Tensor:
    """Return the sum over each node's neighbours.

    `index_select` + `index_add` is deterministic on the CPU; on CUDA the sums' order varies
    unless `torch.use_deterministic_algorithms(True)`.
    """
    packed = _packing(inputs)
    if packed is not None and packed.neighbours is not None:
        return sum_bags(h, packed.neighbours, packed.neighbours)
    source, target = inputs.edge_index
    return torch.zeros_like(h).index_add(0, target, h.index_select(0, source))


class Gin(nn.Module):
    """GIN on a `GraphBatch` or a PyG `Batch`; see `gin` for its settings.

    Attributes:
        points: `readout`, all pooled vectors as one tuple; `pooled0` (the input features) to the
            last layer's, one each; with the mlp head also `hidden`, before its last linear map.
    """

    def __init__(
        self,
        widths: list[int],
        mlp_layers: int,
        learn_eps: bool,
        readout: Readout,
        head: LinearHead | MlpHead,
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            Convolution(width, hidden, mlp_layers, learn_eps) for width, hidden in pairwise(widths)
        )
        self.readout = readout
        self.head = head
        singles = (f"pooled{layer}" for layer in range(len(widths)))
        self.points: tuple[str, ...] = ("readout", *singles, *head.points)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, classes)`.

        Args:
            inputs: n graphs with `x`, `edge_index`, `batch` and `num_graphs`.
            edits: what becomes of the pooled vectors; the convolutions run once, before them.

        Raises:
            PointError: an edit names a point that is not offered.
        """
        return self.forward_by(ONE, inputs, edits or {})

    def forward_by(self, run: Run, inputs: Tree, edits: Edits) -> Tensor:
        """Return logits of all members' graphs; see `mixup_multi.parts`."""
        check_points(self.points, tuple(edits))
        pooled = edit_pooled(self.pooled(inputs, run), edits)
        logits: Tensor = self.head.forward_by(run, pooled, edits)
        return logits

    def pooled(self, inputs: Tree, run: Run = ONE) -> Pooled:
        """Return each layer's node features, the input's first, pooled over each graph."""
        packed = _packing(inputs)
        if packed is None:
            sizes = torch.bincount(inputs.batch, minlength=inputs.num_graphs)
        else:
            sizes = packed.nodes
        counts = run.counts(sizes)
        h = inputs.x
        pooled = [self._pool(h, inputs, sizes)]
        for convolution in self.convolutions:
            h = cast(Convolution, convolution).forward_by(run, h, inputs, counts)
            pooled.append(self._pool(h, inputs, sizes))
        return tuple(pooled)

    def _pool(self, h: Tensor, inputs: Tree, sizes: Tensor) -> Tensor:
        packed = _packing(inputs)
        if packed is None:
            sums = h.new_zeros(inputs.num_graphs, h.shape[1]).index_add(0, inputs.batch, h)
        else:
            sums = sum_bags(h, packed.graphs, Bags(inputs.batch, packed.graphs.rows))
        if self.readout == "sum":
            return sums
        return sums / sizes.to(h.device).clamp(min=1)[:, None]


def gin(
    data: Data,
    *,
    layers: int = 5,
    hidden: int = 64,
    mlp_layers: int = 2,
    readout: Readout = "sum",
    dropout: float = 0.5,
    learn_eps: bool = False,
    head: Literal["linear", "mlp"] = "linear",
) -> Gin:
    """Build a GIN for a graph data set.

    Args:
        data: the data set; its `facts["features"]` is the width of a node's features.
        layers: pooled layers including the input, so one more than there are convolutions.
        hidden: the width of the convolutions; the protocol tries 16 and 32 for molecules and
            proteins and takes 64 for social networks.
        mlp_layers: linear maps in each convolution.
        readout: how a graph's nodes are pooled; the paper takes `mean` for social networks.
        dropout: on each layer's scores (linear head) or before the last map (mlp head).
        learn_eps: whether a node's own share, 1 + eps, is learnt; eps is 0 otherwise.
        head: `linear` is the protocol's: mixing all pooled vectors there *is* mixing the logits.
            `mlp` is ours: with it mixing at any point has an effect of its own.

    Raises:
        SettingError: a size is not positive, or `dropout` is not in [0, 1).
    """
    for name, value in (("layers", layers), ("hidden", hidden), ("mlp_layers", mlp_layers)):
        if value < 1:
            raise SettingError(f"gin: {name}: {value}; expected 1 or more")
    if not 0 <= dropout < 1:
        raise SettingError(f"gin: dropout: {dropout}; expected a share in [0, 1)")
    widths = [int(data.facts["features"]), *[hidden] * (layers - 1)]
    classes = len(data.classes)
    if head == "linear":
        return Gin(widths, mlp_layers, learn_eps, readout, LinearHead(widths, classes, dropout))
    return Gin(widths, mlp_layers, learn_eps, readout, MlpHead(widths, hidden, classes, dropout))
