"""The embedded image set: scikit-learn's 1,797 handwritten digits, 8 x 8, real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.splits import train_and_test
from mixup_multi_adapters.images.data import Options, assemble
from mixup_multi_adapters.images.profiles import PROFILES
from mixup_multi_adapters.images.release import Release, make_part


def load_digits_images(
    root: Path,  # noqa: ARG001  # nothing is read from the data root
    trial: Trial,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    train_rows: int | None = None,
    crop: int = 0,
    flip: bool = False,
    fill: int = 0,
) -> Data:
    """Return the digits, 1 x 8 x 8 with 0..16 scaled to [-1, 1], split by the trial's seed.

    There is no official split: the test part is a stratified share, or a fold where the trial
    asks for folds. The ids name the row in the whole table, so they do not depend on the split.

    Args:
        root: the data root; not used.
        trial: its seed chooses the split.
        test: share of the images tested on, in (0, 1); of no effect with folds.
        validation: share of the training images held out, stratified, in [0, 1).
        train_rows: about so many training images, stratified, validation included; marked.
        crop: pixels of padding on every side before a random crop; 0 for no crop.
        flip: whether every other training image is mirrored.
        fill: the stored value of the padding, 0 (black) to 16 (white).

    Raises:
        SettingError: a setting is out of its range.
    """
    from sklearn.datasets import load_digits

    profile = PROFILES["digits"]
    options = Options(validation, train_rows, crop, flip, fill)
    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    pixels = torch.from_numpy(bunch.images.astype(np.uint8))[:, None]
    classes = tuple(str(name) for name in bunch.target_names)
    whole = make_part("scikit-learn's digits", "digits", pixels, torch.from_numpy(labels), classes)
    train, tested = (torch.from_numpy(rows) for rows in train_and_test(labels, trial, test))
    release = Release(train=whole.take(train), test=whole.take(tested), classes=classes)
    return assemble(profile.name, release, profile, trial, options)
