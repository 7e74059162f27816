"""Mixup Inference with many samples: ours against a pass for each sample, and against one pass.

Ours is a whole prediction: the plain pass that tells the class, the samples' draw, the mixtures,
one pass over all of them and the mean. The loop is given everything but the passes: it runs the
model on one mixture after another (batches of 1). The single pass is the model alone on a batch
of the same total size, N mixtures and the plain row for each example.

Floors: at least 3 times as fast as the loop; at most 1.1 times the single pass.

    python benchmarks/mixup_inference.py [--samples 30] [--rounds 15] [--threads 2]
"""

from __future__ import annotations

import argparse

import torch
from _timing import Row, machine, print_rows, race
from torch import Tensor, nn

from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.training import Training
from mixup_multi.objectives.losses import Softmax
from mixup_multi.predict.presets import mi_combined, mi_ol, mi_pl
from mixup_multi_adapters.images import ImageAdapter

SEED, CLASSES, POOL = 0, 10, 1_000
MODELS = ("small_cnn", "preact_resnet18")


def noise() -> Data:
    """Return random images in the size of CIFAR's."""
    images = torch.randn(POOL, 3, 32, 32, generator=torch.Generator().manual_seed(SEED))
    names = [str(row) for row in range(POOL)]
    source = TensorSource(images, torch.arange(POOL) % CLASSES, CLASSES, names)
    return Data("noise", source, source, None, tuple(map(str, range(CLASSES))), "noise")


@torch.no_grad()
def one_by_one(model: nn.Module, mixtures: Tensor) -> Tensor:
    """Return the mean prediction from batches of 1."""
    return torch.stack([model(row).softmax(1) for row in mixtures.split(1)]).mean(0)


@torch.no_grad()
def at_once(model: nn.Module, mixtures: Tensor) -> Tensor:
    """Return the logits of one batch."""
    logits: Tensor = model(mixtures)
    return logits


def compare(name: str, data: Data, n: int, samples: int, rounds: int) -> list[Row]:
    """Return the rows of a model and a number of examples."""
    torch.manual_seed(SEED)
    model = ImageAdapter.models[name](data).eval()
    predictors = {
        "MI-OL": mi_ol(samples=samples, pool=POOL),
        "MI-PL": mi_pl(samples=samples, pool=POOL),
        "combined": mi_combined(
            samples_predicted=samples // 3, samples_other=samples - samples // 3, pool=POOL, gap=-2
        ),
    }
    fitted = {kind: each.fit(Training(data)) for kind, each in predictors.items()}
    inputs = data.train.gather(torch.arange(n)).inputs
    mixtures = torch.randn(n * (samples + 1), 3, 32, 32)
    contenders = {
        kind: lambda each=each: each.probabilities(model, inputs, SEED, Softmax())
        for kind, each in fitted.items()
    }
    contenders["one pass"] = lambda: at_once(model, mixtures)
    if n == 1:
        contenders["loop"] = lambda: one_by_one(model, mixtures[:samples])
    seconds = race(contenders, rounds, least_seconds=0.1)
    rows = []
    for kind in fitted:
        case = f"{name}, {n} x {samples}, {kind}, {{}}"
        rows.append(Row(case.format("one pass"), seconds[kind], seconds["one pass"], at_most=1.1))
        if n == 1:
            rows.append(Row(case.format("loop"), seconds[kind], seconds["loop"], at_least=3.0))
    return rows


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = noise()
    for name in MODELS:
        rows = [
            row for n in (1, 8) for row in compare(name, data, n, options.samples, options.rounds)
        ]
        print_rows(f"Mixup Inference ({machine()})", rows)


if __name__ == "__main__":
    main()
