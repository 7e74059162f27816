"""An epoch of speech: read from the prepared file against decoded from the wavs.

Both yield the same batches, in the same random order, as float32 tensors: waveforms (n, 16000),
or spectrograms (n, 1, 161, 101) that the rival computes for a whole batch at once. The rival
decodes with soundfile, one file after the other, without worker processes. Preparing happens
once, before the timing. All files are in the system's page cache, which favours the rival. With
no data root, synthetic recordings are written to a temporary folder.

Floor: at least 20 times faster than decoding (for a model that reads spectrograms, as all of the
protocol do, to decode is to decode and to transform).

    python benchmarks/speech_epoch.py [--data DIR] [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
from _timing import Row, machine, print_rows, race
from torch import Tensor

from mixup_multi.engine.source import Source, Trial
from mixup_multi_adapters.speech.audio import SAMPLE_RATE, SECOND
from mixup_multi_adapters.speech.data import RELEASES
from mixup_multi_adapters.speech.features import FrontEnd
from mixup_multi_adapters.speech.release import LISTS
from mixup_multi_adapters.speech.words import TEN

RELEASE = RELEASES[-1]
BATCH = 100
SPEAKERS = 60
SEED = 0


def write_synthetic(root: Path) -> None:
    """Write noise as recordings of the ten commands; the first speakers are for the tests."""
    random = np.random.default_rng(SEED)
    named = [f"{word}/{speaker:08x}_nohash_0.wav" for speaker in range(SPEAKERS) for word in TEN]
    folder = root / RELEASE.folder
    for word in TEN:
        (folder / word).mkdir(parents=True)
    for name in named:
        noise = random.normal(0, 3000, SECOND).astype(np.int16)
        soundfile.write(folder / name, noise, SAMPLE_RATE)
    for list_name, first in zip(LISTS.values(), (0, len(TEN)), strict=True):
        (folder / list_name).write_text("\n".join(named[first : first + len(TEN)]))


def decoded(paths: list[Path]) -> Tensor:
    """Return the files' sound `(n, 16000)`, padded with zeros."""
    sound = np.zeros((len(paths), SECOND), np.float32)
    for row, path in zip(sound, paths, strict=True):
        samples, _ = soundfile.read(path, frames=SECOND, dtype="float32")
        row[: len(samples)] = samples
    return torch.from_numpy(sound)


def prepared_epoch(source: Source, order: Tensor) -> Callable[[], None]:
    """Return an epoch from the prepared file."""

    def read() -> None:
        for index in order.split(BATCH):
            source.gather(index)

    return read


def decoding_epoch(
    paths: list[Path], order: Tensor, front_end: FrontEnd | None
) -> Callable[[], None]:
    """Return an epoch from the wavs."""

    @torch.no_grad()
    def read() -> None:
        for index in order.split(BATCH):
            sound = decoded([paths[row] for row in index.tolist()])
            if front_end is not None:
                front_end(sound)

    return read


def compare(root: Path, rounds: int) -> list[Row]:
    """Return a row for each kind of features."""
    rows = []
    for features, front_end in (("spectrogram", FrontEnd()), ("waveform", None)):
        source = RELEASE.load(root, Trial(), words="ten", features=features).train
        paths = [root / RELEASE.folder / name for name in source.ids]
        order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(SEED))
        seconds = race(
            {
                "prepared": prepared_epoch(source, order),
                "decoding": decoding_epoch(paths, order, front_end),
            },
            rounds,
        )
        case = f"{features}s of {len(paths)} recordings, decoding"
        rows.append(Row(case, seconds["prepared"], seconds["decoding"], at_least=20))
    return rows


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the data root; synthetic noise without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        root, kind = options.data, "Speech Commands"
        if root is None:
            root, kind = Path(folder), "synthetic noise"
            write_synthetic(root)
        rows = compare(root, options.rounds)
    print_rows(f"reading an epoch of {kind}, times faster ({machine()})", rows)


if __name__ == "__main__":
    main()
