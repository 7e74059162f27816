"""TensorBoard as a tracker: a folder OUT/tensorboard/CELL for each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixup_multi.extras import load_extra

NEEDED = ("tensorboard", "--tracker tensorboard")


class TensorBoard:
    """Writes event files: `tensorboard --logdir OUT/tensorboard` shows them.

    Raises:
        SettingError: TensorBoard is not installed.
    """

    def __init__(self, out: Path) -> None:
        load_extra("tensorboard", *NEEDED)
        self.writer = load_extra("torch.utils.tensorboard", *NEEDED).SummaryWriter
        self.out = out

    def run(self, name: str, title: str, settings: Mapping[str, Any]) -> TensorBoardRun:
        """Return the run whose folder has this name."""
        shown = {"title": title, **settings}
        return TensorBoardRun(self.out / "tensorboard" / name, self.writer, shown)


class TensorBoardRun:
    """A cell's folder of event files; an empty file `complete` in it says that nothing lacks."""

    def __init__(self, path: Path, writer: Any, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self.complete = (path / "complete").exists()
        self.sent = 0 if self.complete or not path.exists() else last_step(path)
        self._writer_class = writer
        self._opened: Any = None

    @property
    def writer(self) -> Any:
        """Return the writer; its file is made when there is something to write."""
        if self._opened is None:
            self._opened = self._writer_class(str(self.path))
        return self._opened

    def epochs(self, records: Sequence[Mapping[str, float]]) -> None:
        """Write a scalar for every number of an epoch, at its step."""
        for record in records:
            step = int(record["epoch"])
            for name, value in record.items():
                if name != "epoch":
                    self.writer.add_scalar(f"epoch/{name}", value, step)
            self.sent = step
        if records:
            self.writer.flush()

    def end(self, result: Mapping[str, float]) -> None:
        """Write the settings as hyper-parameters, with the result as their metrics."""
        plain = {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in self.settings.items()
        }
        metrics = {f"result/{name}": value for name, value in result.items()}
        self.writer.add_hparams(plain, metrics, run_name=".", global_step=self.sent)
        self.close()
        (self.path / "complete").touch()

    def fail(self, message: str) -> None:
        """Write the message as a text."""
        self.writer.add_text("failure", message, self.sent)

    def close(self) -> None:
        """Close the event file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def last_step(path: Path) -> int:
    """Return the last epoch that a folder's event files tell of, whole; 0 where there is none."""
    module = load_extra("tensorboard.backend.event_processing.event_accumulator", *NEEDED)
    events = module.EventAccumulator(str(path), size_guidance={module.SCALARS: 1}).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag == "epoch/seconds"]
    return max((events.Scalars(tag)[-1].step for tag in tags), default=0)
