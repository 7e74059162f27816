"""Codecs of a run: each is fitted once to a training part, and kept for all cells in a folder.

OUT/codecs/NAME/
codec.pt              settings, the key of data and split, and the fitted codec
codec.json            the same without the weights, with the environment; written last
metrics.jsonl         a line an epoch, written as it ends
checkpoint.pt         while it is being fitted: what a killed fit goes on from
reconstructions.png, interpolations.png    of images and spectrograms
reconstructions.csv   of tables

NAME is readable, and unique by a key of the settings, the data and the split. A codec is fitted
under a lock, for which other processes wait. What is damaged is set aside and made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import torch

from mixup_multi.engine.cache import not_written
from mixup_multi.engine.sealed import DamagedError, is_whole, load_sealed, set_aside
from mixup_multi.engine.training import Training, at_once
from mixup_multi.grid.codecs.sheets import write_sheets
from mixup_multi.grid.folder.environment import environment
from mixup_multi.grid.folder.locks import held, owner
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.latent.codec import Progress, entry_of
from mixup_multi.latent.saved import restored, write_codec

SAY_SECONDS = 20.0
"""How often it is said how far a fit is."""

log = logging.getLogger("mixup_multi")


@dataclass(frozen=True)
class CodecFolder:
    """The folder of one codec below an output folder."""

    out: Path
    name: str

    @classmethod
    def of(cls, out: Path, codec: Any, train: Training) -> CodecFolder:
        """Return the folder of a codec for these data, which need not exist."""
        identity = json.dumps([entry_of(codec), train.key], sort_keys=True)
        key = hashlib.sha256(identity.encode()).hexdigest()[:12]
        data = re.sub(r"[^A-Za-z0-9_.]+", "_", train.data.name).strip("_")
        return cls(out, f"{type(codec).__name__.lower()}-{data}-{key}")

    @property
    def path(self) -> Path:
        """Return the folder's path."""
        return self.out / "codecs" / self.name

    @property
    def lock(self) -> str:
        """Return the name of its lock."""
        return f"codec-{self.name}"

    @property
    def file(self) -> Path:
        """Return the path of the fitted codec."""
        return self.path / "codec.pt"

    @property
    def metrics(self) -> Path:
        """Return the path of the fit's records."""
        return self.path / "metrics.jsonl"

    def make(self) -> None:
        """Make the folder.

        Raises:
            WriteError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(self.path, error) from error

    def is_complete(self) -> bool:
        """Whether the codec is there and described, and nothing of it is damaged."""
        return _read_whole(self.path / "codec.json") is not None and is_whole(self.file)

    def mend(self) -> None:
        """Set damaged files aside and remove what was half-written; for who holds the lock."""
        for leftover in self.path.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        if self.file.exists() and not is_whole(self.file):
            set_aside(self.file)
        try:
            read_json(self.path / "codec.json")
        except DamagedError:
            set_aside(self.path / "codec.json")


def kept_codec(codec: Any, train: Training, *, out: Path) -> Any:
    """Return a codec that is fitted to `train`, from OUT/codecs, where it is fitted if need be.

    One that cannot be kept in a file (it has no `restore`, or is no dataclass) is fitted here.
    """
    if not (hasattr(codec, "restore") and is_dataclass(codec)):
        return at_once(codec, train)
    folder = CodecFolder.of(out, codec, train)
    if not folder.is_complete():
        if (holder := owner(out, folder.lock)) is not None:
            log.info("waiting for the codec %s, which %s is fitting", folder.name, holder)
        with held(out, folder.lock):
            folder.make()
            folder.mend()
            if not folder.is_complete():
                _complete(folder, codec, train)
    return restored(load_sealed(folder.file))


def fitted_codecs(out: Path, codec: Any) -> int:
    """Return how many data sets below `out` have a codec of these settings."""
    described = (_read_whole(path) for path in (out / "codecs").glob("*/codec.json"))
    return sum(record["codec"] == entry_of(codec) for record in described if record is not None)


def _read_whole(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except DamagedError:
        return None


def _complete(folder: CodecFolder, codec: Any, train: Training) -> None:
    """Fit a codec, unless that has been done, and describe it."""
    if not folder.file.exists():
        _fit(folder, codec, train)
    content = load_sealed(folder.file)
    checkpoint = folder.path / "checkpoint.pt"
    checkpoint.unlink(missing_ok=True)
    fitted = restored(content)
    if isinstance(fitted, torch.nn.Module):
        fitted = fitted.to(train.device).eval()
    write_sheets(folder.path, fitted, train)
    del content["fitted"]
    write_json(folder.path / "codec.json", content)


def _fit(folder: CodecFolder, codec: Any, train: Training) -> None:
    epochs = getattr(codec, "epochs", None)
    telling = _Telling(folder, epochs)
    log.info("fitting the codec %s%s", folder.name, "" if epochs is None else f", {epochs} epochs")
    began = time.perf_counter()
    folder.metrics.unlink(missing_ok=True)
    fitted = codec.fit(train, Progress(folder.path / "checkpoint.pt", telling))
    facts = {
        "data": train.data.name,
        "data_key": train.data.key,
        "rows": len(train.source),
        "last_epoch": telling.last,
        "environment": environment(train.device, 1),
    }
    write_codec(folder.file, codec, fitted, train, facts)
    log.info("fitted the codec %s in %.0f s", folder.name, time.perf_counter() - began)


class _Telling:
    """Writes each epoch's record, and says now and then how far the fit is."""

    def __init__(self, folder: CodecFolder, epochs: int | None) -> None:
        self.folder = folder
        self.epochs = epochs
        self.last: dict[str, float] = {}
        self.said = time.monotonic()

    def __call__(self, record: Mapping[str, float]) -> None:
        self.last = dict(record)
        try:
            with self.folder.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.last) + "\n")
        except OSError as error:
            raise not_written(self.folder.metrics, error) from error
        if time.monotonic() - self.said >= SAY_SECONDS:
            self.said = time.monotonic()
            of = "" if self.epochs is None else f" of {self.epochs}"
            log.info("codec %s: epoch %d%s", self.folder.name, record["epoch"], of)
