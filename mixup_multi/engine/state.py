"""All that a run needs to go on: weights, optimiser, generators, position; and its checkpoint.

Checkpoints hold tensors and plain values only, so they load without running any code in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Generator, nn

from mixup_multi.engine.cache import not_written
from mixup_multi.engine.sealed import DamagedError, load_sealed, save_sealed, set_aside
from mixup_multi.errors import OutputError
from mixup_multi.objectives.objective import Memory


@dataclass
class State:
    """A run between two epochs.

    Attributes:
        model: the weights and buffers.
        optimizer: its moments.
        generators: the run's named random streams.
        epoch: how many epochs are done.
        history: a record for each of them.
        dropout: what torch's global generator is to the run, where other runs share the process
            with it; None where it is the global one itself.
        scaler: the state of the loss's scale in `16-mixed`; otherwise empty.
        memory: what the objective's last step left to the next.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    generators: Mapping[str, Generator]
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    dropout: Generator | None = None
    scaler: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)

    @property
    def dropout_generator(self) -> Generator:
        """What dropout draws from."""
        return torch.default_generator if self.dropout is None else self.dropout

    def keep_dropout(self) -> None:
        """Keep torch's global generator, as it is now, as the run's own."""
        self.dropout = torch.Generator()
        self.dropout.set_state(torch.get_rng_state())

    def content(self) -> dict[str, Any]:
        """Return all of it as tensors and plain values, with torch's global generators."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: g.get_state() for name, g in self.generators.items()},
            "torch": self.dropout_generator.get_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "epoch": self.epoch,
            "history": self.history,
            "scaler": self.scaler,
            "memory": self.memory,
        }

    def take(self, content: Mapping[str, Any], path: Path) -> None:
        """Go back to what `content` returned, as it was read from `path`.

        Raises:
            OutputError: it belongs to another model or optimiser.
        """
        try:
            self.model.load_state_dict(content["model"])
            self.optimizer.load_state_dict(content["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise OutputError(
                f"{path} is the checkpoint of another model or optimiser ({error});"
                " choose another --out folder, or remove this one"
            ) from error
        for name, generator in self.generators.items():
            generator.set_state(content["generators"][name].cpu())
        self.dropout_generator.set_state(content["torch"].cpu())
        if content["cuda"] and torch.cuda.is_available():
            devices = torch.cuda.device_count()  # the machine may be another
            torch.cuda.set_rng_state_all([state.cpu() for state in content["cuda"][:devices]])
        self.epoch = content["epoch"]
        self.history = list(content["history"])
        self.scaler = content.get("scaler", {})  # absent in checkpoints of earlier versions
        self.memory = dict(content.get("memory", {}))

    def save(self, path: Path) -> None:
        """Write a checkpoint.

        Raises:
            WriteError: it cannot be written.
        """
        save_checkpoint(self.content(), path)

    def resume(self, path: Path, device: torch.device) -> None:
        """Go back to the newest checkpoint that is whole; stay as new where there is none."""
        content = load_checkpoint(path, device)
        if content is not None:
            self.take(content, path)


def save_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all; the one before it is kept beside it.

    Raises:
        WriteError: it cannot be written.
    """
    try:
        if path.exists():
            path.replace(previous(path))
    except OSError as error:
        raise not_written(path, error) from error
    save_sealed(content, path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the newest checkpoint that is whole, or None; a damaged one is set aside."""
    for candidate in (path, previous(path)):
        if candidate.exists():
            try:
                return load_sealed(candidate, device)
            except DamagedError:
                set_aside(candidate)
    return None


def previous(path: Path) -> Path:
    """Return where the checkpoint before the newest is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")
