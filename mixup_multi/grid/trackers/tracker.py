"""Sending what cells tell to an experiment tracker, beside whatever else watches a run.

All that is sent is read from the cells' folders, which are the truth: a tracker holds the epochs
of metrics.jsonl up to some number, and gets those that follow. So a cell that goes on from a
checkpoint repeats no step, and a tracker that was not there from the start is given the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from mixup_multi.errors import MixupMultiError, SettingError
from mixup_multi.grid.cells.watcher import Watcher
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.state import flat
from mixup_multi.recipe.cell import Cell

SECONDS = 1.0  # between two looks at the folder of a cell that is being trained
TRACKERS = ("mlflow", "tensorboard")


class TrackedRun(Protocol):
    """A cell at a tracker.

    Attributes:
        sent: the last epoch that the tracker holds.
        complete: whether it holds the result too.
    """

    sent: int
    complete: bool

    def epochs(self, records: Sequence[Mapping[str, float]]) -> None:
        """Send epochs, of which the tracker holds none."""

    def end(self, result: Mapping[str, float]) -> None:
        """Send the numbers of the result."""

    def fail(self, message: str) -> None:
        """Send why the cell failed."""

    def close(self) -> None:
        """Let go of the cell, which may be interrupted."""


class Tracker(Protocol):
    """Has a run for every cell, by a name that stays the same."""

    def run(self, name: str, title: str, settings: Mapping[str, Any]) -> TrackedRun:
        """Return the run of this name, begun with these settings if it is new."""


def open_tracker(name: str, out: Path) -> Tracker:
    """Return a tracker for what lies in an output folder.

    Raises:
        SettingError: there is none of this name, its package is not installed, or it refuses.
    """
    if name not in TRACKERS:
        raise SettingError(f"tracker is {name!r}: expected one of {', '.join(TRACKERS)}")
    try:
        if name == "mlflow":
            from mixup_multi.grid.trackers.mlflow import MLflow

            return MLflow(out)
        from mixup_multi.grid.trackers.tensorboard import TensorBoard

        return TensorBoard(out)
    except MixupMultiError:
        raise
    except Exception as error:  # whatever a tracker's package or server raises
        raise SettingError(f"--tracker {name} cannot be used: {error}") from error


class Tracked:
    """A watcher that passes on all that it is told, and keeps a tracker up to date.

    A tracker that fails is given up with a message; training goes on.
    """

    def __init__(self, watcher: Watcher, tracker: Tracker, out: Path) -> None:
        self.watcher = watcher
        self.tracker: Tracker | None = tracker
        self.out = out
        self.runs: dict[str, TrackedRun] = {}
        self.next_look: dict[str, float] = {}

    def cell_starts(self, cell: Cell) -> None:
        """Pass it on; the folder may not be there yet."""
        self.watcher.cell_starts(cell)

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Pass it on, and send the new epochs from time to time."""
        self.watcher.epoch_ends(cell, record)
        if time.monotonic() >= self.next_look.get(cell.key, 0.0):
            self._send(cell)
            self.next_look[cell.key] = time.monotonic() + SECONDS

    def cell_ends(self, cell: Cell, result: dict[str, Any], *, fresh: bool) -> None:
        """Pass it on, and send what the tracker lacks."""
        self.watcher.cell_ends(cell, result, fresh=fresh)
        self._send(cell, result=result)

    def cell_fails(self, cell: Cell, message: str, *, fresh: bool) -> None:
        """Pass it on, and send why, unless it was sent when it happened."""
        self.watcher.cell_fails(cell, message, fresh=fresh)
        if fresh:
            self._send(cell, failure=message)

    def says(self, message: str) -> None:
        """Pass it on."""
        self.watcher.says(message)

    def close(self) -> None:
        """Let go of the cells that have not ended."""
        with self._guarded():
            for key in list(self.runs):
                self.runs.pop(key).close()

    def _send(
        self, cell: Cell, result: Mapping[str, Any] | None = None, failure: str | None = None
    ) -> None:
        """Send what the folder holds and the tracker does not, and how the cell has ended."""
        folder = CellFolder.of(self.out, cell)
        with self._guarded():
            if (run := self._run(cell, folder)) is None:
                return
            if not run.complete:
                records = folder.read_metrics() if folder.epochs() else []
                run.epochs([record for record in records if record["epoch"] > run.sent])
                if result is not None:
                    run.end({name: value for name, value in result.items() if _is_number(value)})
            if failure is not None:
                run.fail(failure)
            if result is not None or failure is not None:
                self.runs.pop(cell.key).close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Give the tracker up, saying so, when something in here goes wrong."""
        try:
            yield
        except Exception as error:  # whatever a tracker's package, server or disk raises
            self.tracker, self.runs = None, {}
            self.says(
                f"the tracker is given up ({type(error).__name__}: {error}); the same command"
                " sends later what it lacks"
            )

    def _run(self, cell: Cell, folder: CellFolder) -> TrackedRun | None:
        """Return the cell's run; None where it has no folder yet or the tracker is given up."""
        record = None if self.tracker is None else folder.read_whole("cell")
        if self.tracker is None or record is None:
            return None
        if cell.key not in self.runs:
            settings = dict(flat(record, without=()))
            name = f"{cell.folder}-{record['data_key'][:8]}"
            self.runs[cell.key] = self.tracker.run(name, cell.title, settings)
        return self.runs[cell.key]


@contextmanager
def tracked(watcher: Watcher, name: str | None, out: Path) -> Iterator[Watcher]:
    """Return a watcher that also keeps the tracker `name`, if any, up to date with `out`.

    Raises:
        SettingError: there is no such tracker, or it cannot be used.
    """
    if name is None:
        yield watcher
        return
    both = Tracked(watcher, open_tracker(name, out), out)
    try:
        yield both
    finally:
        both.close()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
