"""Where tests find real data, and the marks that keep them honest where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

REAL_DATA = Path(
    os.environ.get("MIXUP_MULTI_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session", autouse=True)
def _private_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never touch, or profit from, the user's cache, and small tensors need one thread."""
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the commands that tests start
    os.environ.pop("MIXUP_MULTI_DATA", None)
    os.environ["MIXUP_MULTI_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def _real(part: str) -> Path:
    if not (REAL_DATA / part).is_dir():
        pytest.skip(
            f"real data not found in {REAL_DATA / part};"
            " set MIXUP_MULTI_TEST_DATA to a folder that has it"
        )
    return REAL_DATA


@pytest.fixture(scope="session")
def real_openml() -> Path:
    """The data root that holds an openml cache (read-only)."""
    return _real("openml")


@pytest.fixture(scope="session")
def real_speech() -> Path:
    """The data root that holds Speech Commands recordings (read-only)."""
    return _real("SpeechCommands")


@pytest.fixture(scope="session")
def real_graphs() -> Path:
    """The data root that holds TUDatasets (read-only)."""
    return _real("TUDataset")


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The data root that holds the first rows of CIFAR-10's batches (read-only)."""
    return _real("cifar10-first-rows")
