"""A cell's folder, which is the truth about it.

cell.json          everything that decided its numbers, resolved, with the data's content key
environment.json   versions, commit, device
metrics.jsonl      a line an epoch, written as it ends
checkpoint.pt      weights, optimiser, generators, position
outputs.pt         test (and validation) logits, targets and example ids
result.json        the final metrics; written last, so its presence means done
failure.json       why the cell failed, if it did

All but metrics.jsonl carry a checksum. What is damaged is set aside under another name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi.engine.cache import not_written, write_atomically
from mixup_multi.engine.evaluate import Outputs
from mixup_multi.engine.sealed import DamagedError, is_whole, load_sealed, save_sealed, set_aside
from mixup_multi.engine.state import previous
from mixup_multi.errors import WriteError
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.recipe.cell import Cell


@dataclass(frozen=True)
class CellFolder:
    """The folder of one cell below an output folder."""

    path: Path

    @classmethod
    def of(cls, out: Path, cell: Cell) -> CellFolder:
        """Return the folder of `cell`, which need not exist."""
        return cls(out / "cells" / cell.folder)

    def make(self) -> None:
        """Make the folder.

        Raises:
            WriteError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(self.path, error) from error

    @property
    def checkpoint(self) -> Path:
        """Return the checkpoint's path."""
        return self.path / "checkpoint.pt"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint, or the one before it."""
        return self.checkpoint.exists() or previous(self.checkpoint).exists()

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write `name`.json; only a result and a failure are worth waiting for the disk."""
        durable = name in ("result", "failure")
        write_json(self.path / f"{name}.json", content, durable=durable)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return `name`.json, or None where there is none.

        Raises:
            DamagedError: it is damaged.
        """
        return read_json(self.path / f"{name}.json")

    def read_whole(self, name: str) -> dict[str, Any] | None:
        """Return `name`.json, or None where there is none or it is damaged."""
        try:
            return self.read_json(name)
        except DamagedError:
            return None

    def result(self) -> dict[str, Any] | None:
        """Return the result if the cell is done and nothing of it is damaged; reads every file."""
        result = self.read_whole("result")
        whole = (
            result is not None
            and self.read_whole("cell") is not None
            and self.read_whole("environment") is not None
            and self._has_epochs(result["epochs"])
            and is_whole(self.path / "outputs.pt")
        )
        return result if whole else None

    def _has_epochs(self, number: int) -> bool:
        """Return whether metrics.jsonl tells of the epochs 1 to `number`."""
        records, whole = self.history()
        return whole and [r.get("epoch") for r in records] == list(range(1, number + 1))

    def epochs(self) -> int:
        """Return how many epochs metrics.jsonl tells of."""
        try:
            return (self.path / "metrics.jsonl").read_bytes().count(b"\n")
        except OSError:
            return 0

    def history(self) -> tuple[tuple[dict[str, Any], ...], bool]:
        """Return the records of metrics.jsonl, an epoch each, and whether all could be read."""
        path = self.path / "metrics.jsonl"
        records, whole = [], path.is_file()
        for line in path.read_text("utf-8", errors="replace").splitlines() if whole else []:
            try:
                records.append(json.loads(line))
            except ValueError:
                whole = False
        return tuple(record for record in records if isinstance(record, dict)), whole

    def write_metrics(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write metrics.jsonl anew."""
        text = "".join(json.dumps(record) + "\n" for record in history)
        write_atomically(
            self.path / "metrics.jsonl", lambda file: file.write_text(text, "utf-8"), durable=False
        )

    def append_metrics(self, record: Mapping[str, float]) -> None:
        """Add an epoch's line to metrics.jsonl.

        Raises:
            WriteError: it cannot be written.
        """
        path = self.path / "metrics.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise not_written(path, error) from error

    def read_metrics(self) -> list[dict[str, float]]:
        """Return the records of metrics.jsonl; a line that is still being written is left out.

        Raises:
            OSError: it cannot be read.
            ValueError: a line is damaged.
        """
        lines = (self.path / "metrics.jsonl").read_text("utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def write_outputs(self, parts: Mapping[str, tuple[Outputs, Sequence[str]]]) -> None:
        """Write outputs.pt: for each part its logits, targets and example ids.

        This does not wait for the disk: what a power cut takes is made again by the checkpoint.
        """
        content = {
            part: {"logits": said.logits, "targets": said.targets, "ids": list(ids)}
            for part, (said, ids) in parts.items()
        }
        save_sealed(content, self.path / "outputs.pt", durable=False)

    def read_outputs(self) -> dict[str, Any]:
        """Return what `write_outputs` wrote, without unpickling code.

        Raises:
            DamagedError: the file is damaged.
        """
        return load_sealed(self.path / "outputs.pt")

    def fail(self, message: str, traceback: str) -> None:
        """Record why the cell failed."""
        self.make()
        self.write_json("failure", {"message": message, "traceback": traceback})

    def clear_failure(self) -> None:
        """Forget an earlier failure: the cell is tried again."""
        (self.path / "failure.json").unlink(missing_ok=True)

    def mend(self) -> None:
        """Set damaged files aside and remove what a killed process left half-written.

        Only for who holds the cell's lock.
        """
        for leftover in self.path.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        for name in ("result", "cell", "environment", "failure"):
            try:
                self.read_json(name)
            except DamagedError:
                set_aside(self.path / f"{name}.json")
        result = self.read_json("result")
        if result is not None and not self._has_epochs(result["epochs"]):
            with suppress(FileNotFoundError):  # else its last line was being written
                set_aside(self.path / "metrics.jsonl")
        for path in (self.path / "outputs.pt", self.checkpoint, previous(self.checkpoint)):
            if path.exists() and not is_whole(path):
                set_aside(path)

    def tidy(self) -> None:
        """Remove the checkpoint before the last: the cell is done."""
        previous(self.checkpoint).unlink(missing_ok=True)

    def retire(self) -> Path:
        """Move the folder, whose results are of other data, to OUT/stale, and return where to."""
        kept = self.path.parents[1] / "stale" / self.path.name
        number = 1
        while kept.exists():
            number += 1
            kept = kept.with_name(f"{self.path.name}.{number}")
        try:
            kept.parent.mkdir(exist_ok=True)
            return self.path.rename(kept)
        except OSError as error:
            raise not_written(kept, error) from error


def check_writable(out: Path) -> None:
    """Raise `WriteError` where the output folder cannot be written."""
    try:
        (out / "cells").mkdir(parents=True, exist_ok=True)
        probe = out / "cells" / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(
            f"the output folder {out} cannot be written ({error.strerror}); give another with --out"
        ) from error
