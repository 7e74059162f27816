"""The pool that samples are taken from: rows of the training part, in the order of their classes.

The released code of Mixup Inference fills its pool from the *test* split, augmented; here it is
drawn from the training split, as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mixup_multi.batch import Joint
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.objective import Rows
from mixup_multi.streams import stream
from mixup_multi.tree import Tree, take_rows, to_device, tree_map

CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Pool:
    """Examples by class; class k has the places from `begin[k]` on, `count[k]` of them.

    Attributes:
        inputs: of m examples.
        rows: `(m,)` their places in the training source.
        begin: `(K,)`.
        count: `(K,)`, each 1 or more.
    """

    inputs: Tree
    rows: Tensor
    begin: Tensor
    count: Tensor

    def to(self, device: torch.device | str) -> Pool:
        """Return the pool with its inputs on `device`."""
        return replace(self, inputs=to_device(self.inputs, device))

    def places(self, classes: Tensor, uniform: Tensor, rows: Tensor | None) -> Tensor:
        """Return places `(n, s)` in the pool, uniform within the asked classes.

        Args:
            classes: `(n, s)` of the places.
            uniform: `(n, s)` in [0, 1), float64.
            rows: `(n,)` the examples' own places in the training source, which are left out.

        Raises:
            SettingError: a class has no row but the example itself.
        """
        begin, count = self.begin[classes], self.count[classes]
        own = self._place_of(rows, len(classes))
        among = (begin <= own) & (own < begin + count)
        count = count - among.long()
        if not bool(count.all()):
            raise SettingError(
                f"pool: class {int(classes[count == 0][0])} has no row in the pool but the example"
                " that is predicted; expected another one. Ask for a larger pool.",
                ("pool",),
            )
        place = begin + (uniform * count).long()
        return place + (among & (place >= own)).long()

    def _place_of(self, rows: Tensor | None, n: int) -> Tensor:
        """Return where the examples are in the pool, `(n, 1)`; -1 for those that are not."""
        if rows is None:
            return torch.full((n, 1), -1)
        same = rows.cpu()[:, None] == self.rows
        return torch.where(same.any(1), same.int().argmax(1), -1)[:, None]


@dataclass(frozen=True, slots=True)
class Pooling:
    """How a pool is drawn.

    Attributes:
        size: of the pool, 1 or more; None for the whole training part.
        balanced: whether every class has as many rows (to one); otherwise they are drawn
            uniformly, as the training part has them.
        seed: of the draw.

    Raises:
        SettingError: the size is below 1.
    """

    size: int | None = 10_000
    balanced: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise SettingError(f"pool is {self.size}: expected 1 or more rows", ("pool",))

    def draw(self, source: Rows) -> Pool:
        """Return a pool of the examples of a source.

        Raises:
            SettingError: the source has fewer rows than asked for, a class has none (or not its
                share of a balanced pool), or the targets are no classes.
        """
        size = len(source) if self.size is None else self.size
        if size > len(source):
            raise SettingError(
                f"pool is {size}, but the training part has {len(source)} rows; expected at most"
                " as many, or null for all of them",
                ("pool",),
            )
        order = torch.randperm(len(source), generator=stream(self.seed, "pool"))
        if not self.balanced:
            order = order[:size]
        labels, classes = _labels(source, order)
        if self.balanced and size < len(source):
            kept = torch.cat([_some(labels, k, size, classes) for k in range(classes)])
            order, labels = order[kept], labels[kept]
        count = labels.bincount(minlength=classes)
        _check_classes(count)
        rows = order[labels.argsort(stable=True)]
        return Pool(source.gather(rows).inputs, rows, count.cumsum(0) - count, count)


def classes_in(targets: Tensor) -> tuple[Tensor, int]:
    """Return the largest class of each row `(n, c)`, and K; one column means two classes."""
    if targets.shape[1] == 1:
        return (targets[:, 0] > 0.5).long(), 2
    return targets.argmax(1), targets.shape[1]


def examples_of(inputs: Tree, index: Tensor) -> Tree:
    """Return the inputs of the examples at `index` `(m,)`.

    Raises:
        PointError: single examples cannot be taken of them.
    """
    try:
        if isinstance(inputs, Joint):
            return inputs.examples_at(index)
        return tree_map(lambda leaf: take_rows(leaf, index), inputs)
    except (TypeError, ValueError) as error:
        raise PointError(
            f"samples cannot be taken of the training part ({error}); expected inputs that are"
            " tensors, or that have examples_at(index)"
        ) from error


def _labels(source: Rows, rows: Tensor) -> tuple[Tensor, int]:
    """Return the classes of the examples at `rows`, and K; inputs are in memory by chunks."""
    chunks = [source.gather(chunk).targets.cpu() for chunk in torch.split(rows, CHUNK)]
    targets = torch.cat(chunks)
    if targets.shape[1] == 1:
        legal, kind = (targets == 0) | (targets == 1), "numbers"
    else:
        legal, kind = (targets.sum(1) - 1).abs() < 1e-3, "sets of labels"
    if not bool(legal.all()):
        raise SettingError(
            f"the targets are {kind}: expected classes, for samples are chosen by the class that"
            " is predicted; use the plain predictor"
        )
    return classes_in(targets)


def _some(labels: Tensor, k: int, size: int, classes: int) -> Tensor:
    """Return the first places of class k, its share of a balanced pool."""
    share = size // classes + (k < size % classes)
    places = (labels == k).nonzero().squeeze(1)
    if len(places) < share:
        raise SettingError(
            f"pool is {size}, balanced, but class {k} has {len(places)} rows in the training part;"
            f" expected {share}. Ask for a smaller pool, or balanced: false.",
            ("pool",),
        )
    return places[:share]


def _check_classes(count: Tensor) -> None:
    if len(count) < 2:
        raise SettingError("the targets have one class: expected two or more, of which one differs")
    if not bool(count.all()):
        raise SettingError(
            f"pool: class {int((count == 0).nonzero()[0])} has no row among {int(count.sum())};"
            " expected one or more of each class. Ask for a larger pool, or balanced: true.",
            ("pool",),
        )
