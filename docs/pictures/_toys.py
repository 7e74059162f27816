"""Small problems of the explanation pages' pictures: scikit-learn's digits, and nets for them."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from mixup_multi import Objective, Staged
from mixup_multi.analysis.nets import network, trained
from mixup_multi.batch import as_targets
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.streams import stream


def digits(classes: int = 10, rows: int = 600) -> Data:
    """Return images of 8 x 8 pixels as rows of 64 numbers in [0, 1]: `rows` of them to train on."""
    images, labels = load_digits(n_class=classes, return_X_y=True)
    inputs = torch.from_numpy(images).float() / 16
    targets = torch.from_numpy(labels).long()
    order = torch.randperm(len(targets), generator=stream(0, "order"))
    parts = [
        TensorSource(inputs[some], targets[some], classes, [f"digit-{i}" for i in some.tolist()])
        for some in (order[:rows], order[rows:])
    ]
    names = tuple(map(str, range(classes)))
    return Data("digits", *parts, None, names, content_key(inputs, targets))


def arrays(data: Data, part: str = "train") -> tuple[Tensor, Tensor]:
    """Return the inputs `(n, d)` and the targets `(n, c)` of a part."""
    source = data.train if part == "train" else data.test
    batch = source.gather(torch.arange(len(source)))
    return batch.inputs, as_targets(batch.targets, len(data.classes))


def fitted(
    inputs: Tensor,
    targets: Tensor,
    objective: Objective,
    *,
    widths: tuple[int, ...] = (64, 64),
    steps: int = 300,
    lr: float = 3e-3,
    bias: bool = True,
) -> Staged:
    """Return a ReLU network that was trained on the whole table in each step, by Adam."""
    shape = inputs.shape[1], targets.shape[1], widths, "relu"
    model = network(*shape, seed=0, bias=bias).to(inputs.dtype)
    for _ in trained(model, inputs, targets, objective, steps=[steps], lr=lr, seed=0):
        pass
    return model.eval()
