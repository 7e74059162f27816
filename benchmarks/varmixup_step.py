"""One VarMixup training step: ours against mixup's step and one encoding and decoding besides.

The rival is the training loop's own mixup step, followed by what no implementation of VarMixup
that encodes its batches can do without: the codec's encoder means of the batch and its decoder
means of as many codes, without gradients. Ours takes the encodings from those of the clean
training set, which are computed once (`cached`), so that it should save the encoder's time;
`cached: false` encodes the batch. The codec has its default size and untrained weights, which
cost what trained ones do.

Floor: ours / (mixup + encode + decode) at most 1, cached.

    python benchmarks/varmixup_step.py [--batch 64] [--rounds 7] [--threads 2]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch
from _timing import Contender, Row, machine, print_rows, race
from torch import nn

from mixup_multi import Batch, Vicinal
from mixup_multi.engine.loop import Job, start
from mixup_multi.engine.memory import model_inputs
from mixup_multi.engine.ranks import Piece
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.stepping import Backend, step
from mixup_multi.engine.training import Training
from mixup_multi.latent import MMDVAE, FittedCodec, Latent
from mixup_multi.objectives.losses import Softmax
from mixup_multi.objectives.objective import Objective
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.speech import SpeechAdapter

TRAIN = Train(optimizer="sgd", lr=1e-3)
SEED = 0


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


def stepping(job: Job, objective: Objective, batch: Batch) -> Contender:
    """Return a step as the training loop takes it, with its model and its optimiser."""
    state = start(job)
    state.model.train()
    backend = Backend(state, job.train)
    whole = [Piece(torch.arange(len(batch)))]
    seen = replace(batch, inputs=model_inputs(batch.inputs, job.train.channels_last))

    def take() -> None:
        step(backend, objective, whole, lambda _: seen, state.generators["mix"], {})

    return take


def with_codec(mixup: Contender, codec: FittedCodec, batch: Batch) -> Contender:
    """Return mixup's step, and an encoding and a decoding of the batch."""

    def take() -> None:
        mixup()
        with torch.no_grad():
            codec.decode(codec.encode(batch.inputs))

    return take


def compare(name: str, build: Callable[[Data], nn.Module], data: Data, rounds: int) -> list[Row]:
    """Return a row for each variant of ours."""
    train = Training(data)
    codec = MMDVAE().rehearse(train).eval()
    job = Job(
        data=data,
        build=lambda: build(data),
        objective=Vicinal(points=("input",)),
        loss_fn=Softmax(),
        train=TRAIN,
        seed=SEED,
        device=torch.device("cpu"),
    )
    batch = data.train.gather(torch.arange(len(data.train)))
    ours = {
        variant: Vicinal(points=("input",), blend=Latent(codec, cached)).fit(train)
        for variant, cached in (("cached", True), ("encoding each batch", False))
    }
    contenders = {variant: stepping(job, method, batch) for variant, method in ours.items()}
    rival = with_codec(stepping(job, job.objective, batch), codec, batch)
    seconds = race({"rival": rival, **contenders}, rounds, warm_up=1)
    return [
        Row(
            f"{name}, {variant}",
            seconds[variant],
            seconds["rival"],
            at_most=1.0 if variant == "cached" else None,
        )
        for variant in ours
    ]


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for name, build, shape, classes in (
        ("small CNN 1x28x28", ImageAdapter.models["small_cnn"], (1, 28, 28), 10),
        ("PreActResNet-18 3x32x32", ImageAdapter.models["preact_resnet18"], (3, 32, 32), 10),
        ("LeNet 1x161x101", SpeechAdapter.models["lenet"], (1, 161, 101), 30),
    ):
        rows += compare(name, build, noise((options.batch, *shape), classes), options.rounds)
    print_rows(f"one VarMixup step, batches of {options.batch} ({machine()})", rows)


if __name__ == "__main__":
    main()
