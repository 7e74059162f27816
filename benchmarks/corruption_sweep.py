"""A sweep over published corruption files: what it costs beyond the bare forward passes.

Files of CIFAR-10-C's form (random pixels, 10,000 images a severity) are written to a temporary
folder. The sweep is the evaluation `corruption` over all their types and severities: checks,
memory-mapped reading, normalising, batching, errors. Bare is the model alone, on one batch that
is ready, as many times. Both use the same batch size; the files are in the system's page cache.
The rows on the fly are for information: they make the same number of images from clean ones.

Floor: the sweep takes at most 1.10 times as long as the bare passes.

    python benchmarks/corruption_sweep.py [--model preact_resnet18] [--width 64] [--types 1]
        [--severities 5] [--rounds 3] [--threads 2] [--on-the-fly]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _timing import Row, machine, print_rows, race
from torch import nn

from mixup_multi import door
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, Trial
from mixup_multi.evaluations import Corruption, Subject
from mixup_multi.objectives.losses import Softmax
from mixup_multi_adapters.images.corruptions import STANDARD, made_corruptions
from mixup_multi_adapters.images.corruptions.published import published_corruptions
from mixup_multi_adapters.images.data import Options, assemble
from mixup_multi_adapters.images.profiles import PROFILES
from mixup_multi_adapters.images.release import Release, make_part

ROWS = 10_000
BATCH = 512
ON_THE_FLY = ("gaussian_noise", "contrast", "defocus_blur", "fog", "elastic_transform")


def write_files(root: Path, labels: np.ndarray, types: tuple[str, ...]) -> None:
    """Write random pixels in the form of CIFAR-10-C."""
    folder = root / "CIFAR-10-C"
    folder.mkdir()
    np.save(folder / "labels.npy", np.tile(labels, 5))
    random = np.random.default_rng(0)
    for name in types:
        np.save(folder / f"{name}.npy", random.integers(0, 256, (5 * ROWS, 32, 32, 3), np.uint8))


def data_of(root: Path, labels: np.ndarray) -> Data:
    """Return data of CIFAR-10's form: 10,000 random test images."""
    classes = tuple(map(str, range(10)))
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (ROWS, 3, 32, 32), generator=random, dtype=torch.uint8)
    test = make_part("here", "test", pixels, torch.from_numpy(labels), classes)
    train = make_part("here", "train", pixels[:100], torch.arange(100) % 10, classes)
    options = Options(0.0, None, 0, False, 0)
    release = Release(train, test, classes)
    data = assemble("cifar10", release, PROFILES["cifar10"], Trial(), options)
    shifts = Shifts(made_corruptions(3, 255), published_corruptions("cifar10", root, classes))
    return replace(data, shifts=shifts)


def bare(model: nn.Module, data: Data, passes: int) -> Callable[[], None]:
    """Return `passes` forward passes over a test part's number of rows."""
    batch = data.test.gather(torch.arange(BATCH)).inputs
    last = batch[: ROWS % BATCH]

    @torch.no_grad()
    def run() -> None:
        for _ in range(passes):
            for _ in range(ROWS // BATCH):
                model(batch)
            model(last)

    return run


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="preact_resnet18")
    parser.add_argument("--width", type=int, help="channels of the model's first layer")
    parser.add_argument("--types", type=int, default=1)
    parser.add_argument("--severities", type=int, default=5, help="from 1 to so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--on-the-fly", action="store_true", help="also made ones, severity 3")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    labels = np.arange(ROWS, dtype=np.int64) % 10
    types = tuple(STANDARD)[: options.types]
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), labels, types)
        data = data_of(Path(folder), labels)
        maker = door.load_adapter("images").models[options.model]
        settings = {} if options.width is None else {"width": options.width}
        model = door.build(maker, data, settings=door.check_settings(maker, settings)).eval()
        subject = Subject(lambda: model, data, Softmax(), torch.device("cpu"))
        rows = []
        severities = tuple(range(1, options.severities + 1))
        asked = Corruption(names=types, severities=severities, batch_size=BATCH)
        clean = 1  # the sweep also asks about the clean images
        runs = {
            "sweep": lambda: asked.measure(subject),
            "bare": bare(model, data, len(severities) * len(types) + clean),
        }
        seconds = race(runs, options.rounds, warm_up=1)
        case = f"{options.model}, {len(types)} published types x {len(severities)}"
        rows.append(Row(case, seconds["sweep"], seconds["bare"], at_most=1.10))
        for name in ON_THE_FLY if options.on_the_fly else ():
            one = Corruption(names=name, severities=(3,), made="here", batch_size=BATCH)
            runs = {"sweep": lambda: one.measure(subject), "bare": bare(model, data, 1 + clean)}  # noqa: B023
            seconds = race(runs, options.rounds, warm_up=1)
            rows.append(Row(f"{name} on the fly, severity 3", seconds["sweep"], seconds["bare"]))
    print_rows(f"asking about corrupted images ({machine()})", rows)


if __name__ == "__main__":
    main()
