"""What is looked at before any training: data that is missing or has changed, settings that fit."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from mixup_multi.engine.fabric import require_fabric
from mixup_multi.engine.stepping import check_compiled, require_compiler
from mixup_multi.errors import DeviceError, MissingDataError, MixupMultiError, SettingError
from mixup_multi.grid.shelf import Shelf, Site, build_model, build_objective
from mixup_multi.recipe.expand import Cell


def check_cells(cells: Iterable[Cell], shelf: Shelf) -> dict[str, MissingDataError]:
    """Load every data set and try a step of every model and method once, before any training.

    Returns:
        For the key of each cell whose data is missing, the error.

    Raises:
        MixupMultiError: bad data, a point that a model does not offer, a setting that does not
            fit; nothing has been trained by then.
    """
    checked: dict[str, MissingDataError | None] = {}
    missing = {}
    for cell in cells:
        what = repr((cell.adapter, cell.dataset, cell.model, cell.method))
        if what not in checked:
            checked[what] = _check_cell(cell, shelf)
        if (error := checked[what]) is not None:
            missing[cell.key] = error
    return missing


def _check_cell(cell: Cell, shelf: Shelf) -> MissingDataError | None:
    entry = cell.dataset
    try:
        data = shelf.get(cell)
        entry = cell.model
        model = build_model(cell, data).to(shelf.site.device)
        entry = cell.method
        objective = build_objective(cell, data)
        objective.check(model)
        check_compiled(objective, cell.train)
        batch = data.train.gather(torch.arange(min(2, len(data.train)))).to(shelf.site.device)
        objective(model, batch, torch.Generator())  # a dry step, thrown away
    except MissingDataError as error:
        return error
    except MixupMultiError as error:
        where = f"{entry.where}: " if entry.where else ""
        error.args = (f"{where}{cell.title}: {error}",)
        raise
    except Exception:  # a defect, not a mistake: recorded as the cell's failure when it is run
        return None
    return None


def check_place(cells: Iterable[Cell], site: Site, jobs: int) -> None:
    """Raise `MixupMultiError` where cells cannot be trained so on this machine."""
    devices, kind = site.devices, site.device.type
    if devices > 1 and jobs > 1:
        raise SettingError(
            f"--jobs {jobs} with --devices {devices}: expected one of them above 1; --jobs trains"
            " several cells at once, --devices one cell on several devices"
        )
    if devices > 1:
        require_fabric(f"--devices {devices}")
        _check_devices(site)
    for train in {cell.train.model_dump_json(): cell.train for cell in cells}.values():
        if train.precision != "32-true":
            require_fabric(f"train.precision {train.precision}")
        if train.precision == "16-mixed" and kind != "cuda":
            raise DeviceError(
                f"train.precision is 16-mixed on {kind}: expected a CUDA device;"
                " bf16-mixed works everywhere"
            )
        if train.compile and kind == "cpu":
            require_compiler()
        if train.batch_size < 2 * devices:
            raise SettingError(
                f"train.batch_size is {train.batch_size}: expected two rows or more for each of"
                f" the {devices} devices"
            )


def _check_devices(site: Site) -> None:
    kind, there = site.device.type, torch.cuda.device_count()
    if kind == "cuda" and (site.device.index is not None or there < site.devices):
        raise DeviceError(
            f"--device {site.device} --devices {site.devices}: expected --device cuda (or auto)"
            f" and at most the {there} CUDA devices of this machine"
        )
    if kind not in ("cuda", "cpu"):
        raise DeviceError(f"--devices {site.devices} on {kind}: expected cuda or cpu")


class DataKeys:
    """Says whether the data of finished cells is still what it was.

    Cells of one data set that recorded the same key are looked at once: where splits do not
    enter the key, all trials are answered by loading one.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._changed: dict[tuple[str, str, str], bool] = {}

    def changed(self, cell: Cell, recorded: str) -> bool:
        """Return whether the data is another; False where it is not here to be compared."""
        group = (cell.adapter, cell.dataset.canonical, recorded)
        if group not in self._changed:
            try:
                self._changed[group] = self.shelf.get(cell).key != recorded
            except MixupMultiError:
                self._changed[group] = False
        return self._changed[group]
