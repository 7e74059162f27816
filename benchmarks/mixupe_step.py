"""One MixupE training step: ours against the same step done the way the released code does it.

A step is: draw, mix, forward, backward, SGD. Both do version 3 of the released code, so they
compute the same loss (which is checked first, on the same draw). The rival, written anew from a
description of that code, runs two separate passes in the default memory order, wants a gradient
on the clean input, which nothing uses, and selects the rows that it keeps by a boolean index.
Ours is the training loop's own step, with its optimiser: no gradient on the input, a mask in place
of a selection, images and weights channels-last. `fused` runs one pass over clean and mixed rows
together, which changes what BatchNorm sees: it is an option, never the default.

Floor: ours / theirs at most 0.8, for VGG-11 on spectrograms and for PreActResNet-18 on images.
Both run the same convolutions, so the floor can only be kept where they leave a fifth of the step
to the rest: on a CPU without AVX-512 they took 85 to 92% of it, and the ratio was 0.9 to 0.96.

    python benchmarks/mixupe_step.py [--batch 16] [--rounds 7] [--threads 2]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch
from _timing import Contender, Row, machine, print_rows, race
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi import BetaShare, MixupE, Vicinal
from mixup_multi.batch import Batch
from mixup_multi.engine.loop import Job, start
from mixup_multi.engine.memory import model_inputs
from mixup_multi.engine.ranks import Piece
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.stepping import Backend, step
from mixup_multi.objectives.losses import Softmax
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.speech import SpeechAdapter

ALPHA, ETA, THRESHOLD = 2.0, 0.001, 1.0  # the released code's README
TRAIN = Train(optimizer="sgd", lr=1e-3, momentum=0.9, nesterov=True, weight_decay=1e-4)
"""The image protocol, at a rate that keeps noise from diverging."""
SEED = 0

Builder = Callable[[Data], nn.Module]


def noise(shape: tuple[int, ...], classes: int) -> Data:
    """Return random examples, from which a builder learns shape and number of classes."""
    source = TensorSource(
        torch.randn(shape, generator=torch.Generator().manual_seed(SEED)),
        torch.arange(shape[0]) % classes,
        classes,
        [str(row) for row in range(shape[0])],
    )
    facts = {"features": "spectrogram", "shape": shape[1:]}
    names = tuple(str(name) for name in range(classes))
    return Data("noise", source, source, None, names, "noise", facts=facts)


def released_loss(
    model: nn.Module, images: Tensor, labels: Tensor, own: float, partner: Tensor
) -> Tensor:
    """Return the rescaled total of version 3, the released code's way.

    Args:
        model: images -> logits.
        images: `(n, c, h, w)`.
        labels: one-hot rows.
        own: the share that a row keeps.
        partner: `(n,)`.
    """
    clean = images.clone().requires_grad_()
    mixed = own * images + (1 - own) * images[partner]
    mixed_labels = own * labels + (1 - own) * labels[partner]
    loss = functional.cross_entropy(model(mixed), mixed_labels)
    logits = model(clean)
    q = (logits * (labels - functional.softmax(logits, 1))).sum(1)
    regulariser = ALPHA / (2 * ALPHA + 1) * q[q < THRESHOLD].sum() / len(q)
    total = loss - ETA * regulariser
    return total * (loss.detach().abs() / total.detach().abs())


def released(job: Job, batch: Batch) -> Contender:
    """Return a step of the rival, on the same initial weights, in the job's memory order."""
    model = start(job).model.train()
    optimiser = torch.optim.SGD(
        model.parameters(), job.train.lr, job.train.momentum, weight_decay=1e-4, nesterov=True
    )
    beta = torch.distributions.Beta(ALPHA, ALPHA)

    def take() -> None:
        own, partner = float(beta.sample()), torch.randperm(len(batch))
        loss = released_loss(model, batch.inputs, batch.targets, own, partner)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return take


def ours(job: Job, batch: Batch) -> Contender:
    """Return a step as the training loop takes it, with its model and its optimiser."""
    state = start(job)
    state.model.train()
    backend = Backend(state, job.train)
    whole = [Piece(torch.arange(len(batch)))]

    def take() -> None:
        inputs = model_inputs(batch.inputs, job.train.channels_last)
        seen = Batch(inputs, batch.targets)
        step(backend, job.objective, whole, lambda _: seen, state.generators["mix"])

    return take


def check_same_loss(job: Job, batch: Batch) -> None:
    """Stop unless ours and the rival compute the same loss of the same draw."""
    draw = job.objective.draw(batch.targets, torch.Generator().manual_seed(SEED))
    mine = job.objective.loss(start(job).model.train(), batch, draw).total.item()
    own, partner = draw.mix.own.item(), draw.mix.partner
    model = start(job).model.train()
    theirs = released_loss(model, batch.inputs, batch.targets, own, partner).item()
    if abs(mine - theirs) > 1e-4 * abs(theirs):
        raise SystemExit(f"the losses differ: ours {mine}, theirs {theirs}; nothing was timed")


def compare(name: str, build: Builder, data: Data, rounds: int) -> list[Row]:
    """Return a row for each variant of ours."""
    job = Job(
        data=data,
        build=lambda: build(data),
        objective=MixupE(Vicinal(BetaShare(ALPHA)), ETA, "released_v3", THRESHOLD),
        loss_fn=Softmax(),
        train=TRAIN,
        seed=SEED,
        device=torch.device("cpu"),
    )
    batch = data.train.gather(torch.arange(len(data.train)))
    check_same_loss(job, batch)
    default_order = replace(job, train=TRAIN.model_copy(update={"channels_last": False}))
    variants = {
        "ours": ours(job, batch),
        "ours, default memory order": ours(default_order, batch),
        "ours, fused": ours(replace(job, objective=replace(job.objective, fused=True)), batch),
    }
    seconds = race({"released": released(default_order, batch), **variants}, rounds, warm_up=1)
    return [
        Row(
            f"{name}, {variant}",
            seconds[variant],
            seconds["released"],
            at_most=0.8 if variant == "ours" else None,
        )
        for variant in variants
    ]


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for name, build, shape, classes in (
        ("VGG-11 1x161x101", SpeechAdapter.models["vgg11"], (1, 161, 101), 30),
        ("PreActResNet-18 3x32x32", ImageAdapter.models["preact_resnet18"], (3, 32, 32), 10),
    ):
        rows += compare(name, build, noise((options.batch, *shape), classes), options.rounds)
    print_rows(f"one MixupE step, batches of {options.batch} ({machine()})", rows)


if __name__ == "__main__":
    main()
