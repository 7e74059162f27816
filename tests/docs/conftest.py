"""What runs code of the documentation leaves nothing behind for other tests."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from documents import DOCS

sys.path.append(str(DOCS / "_ext"))


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own to work in, seeds that are fixed; all global state as it was after it."""
    import matplotlib as mpl

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    environment, modules = dict(os.environ), set(sys.modules)
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with warnings.catch_warnings(), mpl.rc_context():
        yield tmp_path
    random.setstate(kept[0])
    np.random.set_state(kept[1])
    torch.set_rng_state(kept[2])
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    os.environ.clear()
    os.environ.update(environment)
    _forget_modules_in(tmp_path, modules)


def _forget_modules_in(folder: Path, before: set[str]) -> None:
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None)
        if path and folder in Path(path).parents:
            del sys.modules[name]
