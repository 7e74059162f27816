"""What a cell is made of: its data, model and objective, from the names of its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixup_multi import door
from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Loss, loss_named
from mixup_multi.objectives.objective import Objective
from mixup_multi.recipe.cell import Cell


@dataclass(frozen=True)
class Site:
    """Where a run reads, writes and computes.

    Attributes:
        data: the data root.
        out: the output folder.
        device: what is trained on.
        devices: how many processes, each on a device of its own, train one cell together; on the
            CPU they share its cores.
    """

    data: Path
    out: Path
    device: torch.device
    devices: int = 1


class Shelf:
    """Loads data sets, keeping the last one: neighbouring cells differ in the method only."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._key = ""
        self._data: Data | None = None

    def get(self, cell: Cell) -> Data:
        """Return the data of `cell`, its training part where the site computes."""
        key = repr((cell.adapter, cell.dataset, cell.trial_of_data()))
        if self._data is None or self._key != key:
            self._data = None  # free the old one first
            dataset = door.load_adapter(cell.adapter).datasets[cell.dataset.name]
            data: Data = door.build(
                dataset.load, self.site.data, cell.trial_of_data(), settings=cell.dataset.settings
            )
            self._data, self._key = replace(data, train=data.train.to(self.site.device)), key
        return self._data


def build_model(cell: Cell, data: Data) -> nn.Module:
    """Return the cell's model, its weights drawn from torch's global generator."""
    factory = door.load_adapter(cell.adapter).models[cell.model.name]
    model: nn.Module = door.build(factory, data, settings=cell.model.settings)
    return model


def build_objective(cell: Cell, data: Data) -> Objective:
    """Return the cell's objective; a loss that the recipe leaves open is the data's."""
    settings = _with_loss(cell.method.settings, _loss_name(cell.method.settings) or data.loss)
    _check_losses(settings, data)
    objective: Objective = door.build_objective({"name": cell.method.name, **settings})
    return objective


def loss_of(cell: Cell, data: Data) -> Loss:
    """Return the loss that a cell is trained with, in which its results are reported."""
    return loss_named(_loss_name(cell.method.settings) or data.loss)


def _loss_name(settings: Mapping[str, Any]) -> str | None:
    """Return the loss that an entry names, or else the first that one within it names."""
    named = (loss for loss in (settings.get("loss"), *_losses(settings)) if loss is not None)
    return next(named, None)


def _with_loss(settings: Mapping[str, Any], loss: str) -> dict[str, Any]:
    """Return settings whose open losses are `loss`; within an entry, that of the entry."""
    inner = settings.get("loss") or loss
    filled = {
        key: _with_loss(value, inner) if isinstance(value, Mapping) else value
        for key, value in settings.items()
    }
    if "loss" in filled:
        filled["loss"] = inner
    return filled


def _check_losses(settings: Mapping[str, Any], data: Data) -> None:
    """Raise `SettingError` where numbers are to be predicted by a loss of classes or labels."""
    if loss_named(data.loss).target_kind != "numbers":
        return
    for loss in _losses(settings):
        if loss_named(loss).target_kind != "numbers":
            raise SettingError(
                f"loss is {loss} for {data.name}, whose targets are numbers: expected"
                f" {data.loss}, or to leave it out",
                ("loss",),
            )


def _losses(settings: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the losses of an entry and of those within it, None where one is left open."""
    for key, value in settings.items():
        if key == "loss":
            yield value
        elif isinstance(value, Mapping):
            yield from _losses(value)
