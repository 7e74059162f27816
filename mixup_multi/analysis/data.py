"""The data of an analysis: a toy, or a data set of an adapter, by its name in a recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixup_multi import door
from mixup_multi.analysis.toys import TOYS, toy_data
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import SettingError
from mixup_multi.recipe.schema import Entry
from mixup_multi.streams import stream

TWO_MOONS = Entry(name="two_moons")


def checked_dataset(adapter: str | None, dataset: Entry) -> dict[str, Any]:
    """Return a data set's settings, defaults filled in.

    Args:
        adapter: whose data set it is; None for a toy.
        dataset: its name and settings.

    Raises:
        SettingError: there is no such adapter, data set or setting.
    """
    try:
        if adapter is None:
            maker = door.pick("toy", TOYS, dataset.name)
        else:
            table = door.load_adapter(adapter).datasets
            maker = door.pick("dataset", table, dataset.name).load
        return door.check_settings(maker, dataset.settings)
    except SettingError as error:
        raise SettingError(str(error), ("dataset", *error.path)) from error


def load_data(adapter: str | None, dataset: Entry, root: Path, seed: int) -> Data:
    """Return a data set, split by the seed.

    Raises:
        SettingError: as `checked_dataset`.
        DataError: it is missing or damaged.
    """
    settings = checked_dataset(adapter, dataset)
    if adapter is None:
        return toy_data(dataset.name, settings, seed)
    load = door.load_adapter(adapter).datasets[dataset.name].load
    data: Data = door.build(load, root, Trial(seed), settings=settings)
    return data


def table_of(data: Data, rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return up to `rows` training examples, drawn by the seed, as one table.

    Returns:
        Inputs `(n, d)`, flattened and centred, and targets `(n, c)`, both in float64.

    Raises:
        SettingError: inputs are no single tensor (graphs, several kinds of columns).
    """
    index = torch.arange(len(data.train))
    if rows < len(index):
        index = torch.randperm(len(index), generator=stream(seed, "order"))[:rows].sort().values
    batch = data.train.gather(index)
    if not isinstance(batch.inputs, Tensor) or not batch.inputs.is_floating_point():
        raise SettingError(
            f"{data.name} has inputs of type {type(batch.inputs).__name__}: expected numbers in one"
            " tensor, as of tables with numeric columns, images or spectrograms"
        )
    inputs = batch.inputs.flatten(1).double()
    return inputs - inputs.mean(0), batch.targets.double()


def on_device(data: Data, device: torch.device) -> Data:
    """Return the data with its training part where it is trained."""
    return replace(data, train=data.train.to(device))
