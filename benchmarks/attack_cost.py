"""PGD-10 against the passes that it cannot do without: ten times forward and back to the input.

The rival, written by hand, is ten times `autograd.grad` of the loss in the input, of a model in
evaluation mode, without a step, a ball or a range; no gradient of a parameter is computed by
either. Ours is a whole attack: modes there and back, the random start, signs, steps and clipping.

Floor: ours / theirs at most 1.05, for PGD-10 (L-inf) on `small_cnn` and images 3 x 32 x 32. L2,
whose norms cost more, and the same with parameters' gradients computed, are for information.

    python benchmarks/attack_cost.py [--batch 128] [--rounds 15] [--threads 2]
"""

from __future__ import annotations

import argparse

import torch
from _timing import Contender, Row, machine, print_rows, race
from torch import nn
from torch.nn import functional

from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import pgd
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.memory import model_inputs, to_channels_last
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.objectives.losses import Softmax
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.augment import Normalise

STEPS = 10


def noise(rows: int) -> Data:
    """Return random images, normalised as CIFAR-10's are."""
    prepare = Normalise((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))
    pixels = torch.randint(0, 256, (rows, 3, 32, 32), dtype=torch.uint8)
    ids = [str(row) for row in range(rows)]
    bounds = prepare.bounds((3, 32, 32))
    source = TensorSource(pixels, torch.arange(rows) % 10, 10, ids, prepare, bounds=bounds)
    return Data("noise", source, source, None, tuple(map(str, range(10))), "noise")


def by_hand(model: nn.Module, batch: Batch, *, all_gradients: bool = False) -> Contender:
    """Return the bare passes of an attack."""
    inputs = batch.inputs.clone().requires_grad_()
    wanted = (inputs, *model.parameters()) if all_gradients else (inputs,)

    def take() -> None:
        model.eval()
        for _ in range(STEPS):
            loss = functional.cross_entropy(model(inputs), batch.targets, reduction="sum")
            torch.autograd.grad(loss, wanted)

    return take


def ours(model: nn.Module, batch: Batch, bounds: Bounds, attack: Attack) -> Contender:
    """Return a whole attack on a model that is being trained."""
    model.train()
    return lambda: attack.perturb(model, batch, bounds, 0, Softmax())


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    data = noise(options.batch)
    gathered = data.train.gather(torch.arange(options.batch))
    batch = Batch(model_inputs(gathered.inputs, True), gathered.targets)
    models = [to_channels_last(ImageAdapter.models["small_cnn"](data)) for _ in range(4)]
    bounds = data.train.bounds
    assert isinstance(bounds, Bounds)
    l2 = pgd(steps=STEPS, norm="l2", eps=0.5, step=0.1)
    seconds = race(
        {
            "passes": by_hand(models[0], batch),
            "linf": ours(models[1], batch, bounds, pgd(steps=STEPS)),
            "l2": ours(models[2], batch, bounds, l2),
            "all": by_hand(models[3], batch, all_gradients=True),
        },
        options.rounds,
    )
    rows = [
        Row("PGD-10, L-inf", seconds["linf"], seconds["passes"], at_most=1.05),
        Row("PGD-10, L2", seconds["l2"], seconds["passes"]),
        Row("the passes, with parameters' gradients", seconds["all"], seconds["passes"]),
    ]
    print_rows(f"PGD-10 on small_cnn, batches of {options.batch} ({machine()})", rows)


if __name__ == "__main__":
    main()
