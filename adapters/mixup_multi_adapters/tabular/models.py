"""Networks for tables: a multi-layer perceptron and a linear model, with an optional embedding.

The slides give the MixupE tables' network as "MLP" and no more. Two hidden layers of 128 ReLU
units are our default, after what we recall as the convention of mixup's first paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged

Activation = Literal["relu", "tanh", "gelu"]
ACTIVATIONS: Mapping[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}


class Embedding(nn.Module):
    """Numeric columns beside one learnt vector for each categorical column's level.

    Code 0, an unknown or missing level, is the zero vector and is not learnt, as its one-hot
    row would be all zeros.

    Args:
        cardinalities: the number of codes of each categorical column, with code 0.
        widths: the length of each column's vectors.
    """

    def __init__(self, cardinalities: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.columns = nn.ModuleList(
            nn.Embedding(count, width, padding_idx=0)
            for count, width in zip(cardinalities, widths, strict=True)
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Turn `{"numeric": (n, d), "categorical": (n, k)}` into `(n, d + sum(widths))`."""
        codes = inputs["categorical"].unbind(1)
        vectors = [column(code) for column, code in zip(self.columns, codes, strict=True)]
        return torch.cat([inputs["numeric"], *vectors], 1)


def mlp(
    data: Data,
    *,
    widths: tuple[int, ...] = (128, 128),
    activation: Activation = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    bias: bool = True,
    embedding: int | None = None,
) -> Staged:
    """Build a multi-layer perceptron `(n, d) -> (n, c)`.

    Its points are `input`, `hidden1`, `hidden2`, ...: `hidden1` is what the first hidden layer
    puts out. Data with columns to embed has the point `embedded` in place of `input`, for a
    mixture of two levels' codes is a third level's code, or none.

    Args:
        data: a table of this adapter.
        widths: the hidden layers' units; (128, 128) is our choice, the paper's is not stated.
        activation: what follows each hidden layer.
        dropout: the probability, in [0, 1), that a hidden unit is dropped.
        batch_norm: whether each hidden layer is normalised before its activation.
        bias: whether the linear layers have biases.
        embedding: the length of every embedded column's vectors; by default half the column's
            number of codes, rounded up, and at most 50.

    Raises:
        SettingError: a setting is out of range, or `data` is not a table.
    """
    if not widths or min(widths) < 1:
        raise SettingError(
            f"mlp: widths {list(widths)}: expected at least one hidden layer and whole numbers"
            " from 1; the model without a hidden layer is called 'logistic'"
        )
    if not 0 <= dropout < 1:
        raise SettingError(f"mlp: dropout {dropout}: expected a probability in [0, 1)")
    stages, width = _entrance(data, embedding)
    layers: list[nn.Module] = []
    for units in widths:
        layer = [nn.Linear(width, units, bias), ACTIVATIONS[activation]()]
        layer[1:1] = [nn.BatchNorm1d(units)] if batch_norm else []
        layers.append(nn.Sequential(*layer, *([nn.Dropout(dropout)] if dropout else [])))
        width = units
    return _staged(stages, [*layers, nn.Linear(width, len(data.classes), bias)])


def logistic(data: Data, *, bias: bool = True, embedding: int | None = None) -> Staged:
    """Build a linear model `(n, d) -> (n, c)`, with the one point `input` (or `embedded`).

    Args:
        data: a table of this adapter.
        bias: whether it has biases.
        embedding: as for `mlp`.

    Raises:
        SettingError: `embedding` is out of range, or `data` is not a table.
    """
    stages, width = _entrance(data, embedding)
    return _staged(stages, [nn.Linear(width, len(data.classes), bias)])


def _entrance(data: Data, embedding: int | None) -> tuple[dict[str, nn.Module], int]:
    """Return the stages before the first layer (an embedding, or none) and that layer's width."""
    if "width" not in data.facts or "cardinalities" not in data.facts:
        raise SettingError(f"{data.name} is no table; expected data of the adapter 'tabular'")
    if embedding is not None and embedding < 1:
        raise SettingError(f"embedding {embedding}: expected a whole number from 1")
    width, cardinalities = data.facts["width"], data.facts["cardinalities"]
    if not cardinalities:
        return {}, width
    widths = [embedding or min(50, (count + 1) // 2) for count in cardinalities]
    return {"input": Embedding(cardinalities, widths)}, width + sum(widths)


def _staged(entrance: dict[str, nn.Module], layers: Sequence[nn.Module]) -> Staged:
    """Chain the layers after the entrance; mixing is offered at every layer's entrance."""
    first = "embedded" if entrance else "input"
    names = [first, *(f"hidden{i}" for i in range(1, len(layers)))]
    return Staged({**entrance, **dict(zip(names, layers, strict=True))}, points=names)
