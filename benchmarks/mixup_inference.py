"""Mixup Inference with many samples: ours against a pass for each sample, and against one pass.

Ours is a whole prediction: the plain pass that tells the class, the samples' draw, the mixtures,
one pass over all of them and the mean. The loop is given everything but the passes: it runs the
model on one mixture after another (batches of 1). The single pass is the model alone on a batch
of the same total size, N mixtures and the plain row for each example.

Floors: at most 1.1 times the single pass, where a pass takes much longer than a call of PyTorch
(images of 32 x 32); at least 3 times as fast as the loop, where it does not (8 x 8). On one core a
pass over 31 images of 32 x 32 is itself no more than 1.5 times as fast as the loop, as the row "one
pass" shows, so no way of predicting can keep the second floor there; where a batch of 1 leaves most
of the device idle, it is kept. The combined rule makes two such passes, so neither is its floor.

    python benchmarks/mixup_inference.py [--samples 30] [--rounds 15] [--threads 2]
"""

from __future__ import annotations

import argparse

import torch
from _timing import Contender, Row, machine, print_rows, race
from torch import Tensor, nn

from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.training import Training
from mixup_multi.objectives.losses import Softmax
from mixup_multi.predict.presets import mi_combined, mi_ol, mi_pl
from mixup_multi_adapters.images import ImageAdapter

SEED, CLASSES, POOL = 0, 10, 1_000
SHAPES = ((1, 8, 8), (3, 32, 32))


def noise(shape: tuple[int, ...]) -> Data:
    """Return random images."""
    images = torch.randn(POOL, *shape, generator=torch.Generator().manual_seed(SEED))
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


def compare(shape: tuple[int, ...], n: int, samples: int, rounds: int) -> list[Row]:
    """Return the rows of one size of images and one number of examples."""
    data = noise(shape)
    torch.manual_seed(SEED)
    model = ImageAdapter.models["small_cnn"](data).eval()
    predictors = {
        "MI-OL": mi_ol(samples=samples, pool=POOL),
        "MI-PL": mi_pl(samples=samples, pool=POOL),
        "combined": mi_combined(
            samples_predicted=samples // 3, samples_other=samples - samples // 3, pool=POOL, gap=-2
        ),
    }
    fitted = {kind: each.fit(Training(data)) for kind, each in predictors.items()}
    inputs = data.train.gather(torch.arange(n)).inputs
    mixtures = torch.randn(n * (samples + 1), *shape)
    contenders: dict[str, Contender] = {
        kind: lambda each=each: each.probabilities(model, inputs, SEED, Softmax())
        for kind, each in fitted.items()
    }
    contenders["one pass"] = lambda: at_once(model, mixtures)
    if n == 1:
        contenders["loop"] = lambda: one_by_one(model, mixtures[:samples])
    seconds = race(contenders, rounds, least_seconds=0.1)
    small = shape == SHAPES[0]
    at_most, at_least = (None, 3.0) if small else (1.1, 1.0)
    case = f"{'x'.join(map(str, shape))}, {n} x {samples}, {{}} / {{}}"
    rows = [
        Row(
            case.format(kind, "one pass"),
            seconds[kind],
            seconds["one pass"],
            at_most=None if kind == "combined" else at_most,
        )
        for kind in fitted
    ]
    if n == 1:
        rows += [
            Row(
                case.format(kind, "loop"),
                seconds[kind],
                seconds["loop"],
                at_least=1.0 if kind == "combined" else at_least,
            )
            for kind in (*fitted, "one pass")
        ]
    return rows


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for shape in SHAPES:
        rows = [row for n in (1, 8) for row in compare(shape, n, options.samples, options.rounds)]
        print_rows(f"Mixup Inference on a small CNN ({machine()})", rows)


if __name__ == "__main__":
    main()
