"""Synthetic graphs: a random tree with one motif in it, whose shape is the class."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from mixup_multi.engine.cache import content_key
from mixup_multi.errors import SettingError

from .raw import RawGraphs, assemble

Edges = list[tuple[int, int]]

MOTIFS: dict[str, Edges] = {
    "cycle": [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)],
    "grid": [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)],
    "house": [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)],
    "star": [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)],
}
"""The classes; each motif is attached by one edge from its node 0."""

FEWEST_NODES, MOST_NODES = 16, 28
"""Of a whole graph, whatever its motif, so that its size says nothing of its class."""


def motif_graphs(graphs: int, noise: float, seed: int) -> RawGraphs:
    """Draw `graphs` graphs, the classes in turn; deterministic in its arguments.

    Args:
        graphs: how many, at least 8 for each of the four classes.
        noise: extra edges between random nodes, a node; in [0, 1].
        seed: of everything that is drawn.

    Raises:
        SettingError: an argument is out of its range.
    """
    if graphs < 8 * len(MOTIFS):
        raise SettingError(f"graphs: {graphs}; expected at least {8 * len(MOTIFS)}")
    if not 0 <= noise <= 1:
        raise SettingError(f"noise: {noise}; expected 0 to 1")
    random = np.random.default_rng(seed)
    labels = np.arange(graphs) % len(MOTIFS)
    motifs = list(MOTIFS.values())
    pieces: list[NDArray[np.int64]] = []
    sizes = random.integers(FEWEST_NODES, MOST_NODES + 1, graphs)
    for label, size, start in zip(labels, sizes, np.cumsum(sizes) - sizes, strict=True):
        edges = _one_graph(motifs[label], int(size), noise, random)
        pieces.append(random.permutation(size)[edges] + start)
    both_ways = np.concatenate([np.concatenate([p, p[:, ::-1]]) for p in pieces])
    return assemble(
        "motifs",
        content_key("motifs 1", f"{graphs}/{noise}/{seed}"),
        torch.from_numpy(both_ways.T.copy()),
        torch.from_numpy(np.repeat(np.arange(graphs), sizes)),
        torch.from_numpy(labels),
        tuple(MOTIFS),
    )


def _one_graph(
    motif: Edges, size: int, noise: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return the edges `(m, 2)` of a motif on a tree grown by preferential attachment."""
    in_tree = size - 1 - max(max(edge) for edge in motif)
    ends = [0, 1]  # a node occurs as often as its degree (Barabasi & Albert 1999, m = 1)
    edges: Edges = [(0, 1)]
    for node in range(2, in_tree):
        partner = ends[random.integers(len(ends))]
        edges.append((node, partner))
        ends += [node, partner]
    edges += [(a + in_tree, b + in_tree) for a, b in motif]
    edges.append((int(random.integers(in_tree)), in_tree))
    extra = random.integers(size, size=(random.binomial(size, noise), 2))
    return np.concatenate([np.array(edges, dtype=np.int64), extra])
