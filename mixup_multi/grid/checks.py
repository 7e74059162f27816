"""What is looked at before any training: data that is missing or has changed, settings that fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from mixup_multi.batch import Batch, Joint
from mixup_multi.engine.cohort_groups import may_join
from mixup_multi.engine.fabric import require_fabric
from mixup_multi.engine.source import Data
from mixup_multi.engine.stepping import check_compiled, check_devices, require_compiler
from mixup_multi.engine.training import Rehearsal
from mixup_multi.errors import DeviceError, MissingDataError, MixupMultiError, SettingError
from mixup_multi.grid.cells.cell import task_of
from mixup_multi.grid.evaluate import evaluation_of, subject_of
from mixup_multi.grid.folder.shelf import Shelf, Site, build_model
from mixup_multi.objectives.objective import Draw, Objective
from mixup_multi.points import flow_at, offered_points
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.tree import leaves


@dataclass
class Checked:
    """What was found before any training.

    Attributes:
        missing: for the key of each cell whose data is missing, the error.
        loners: the keys of the cells that cannot, or had better not, train in a cohort.
    """

    missing: dict[str, MissingDataError] = field(default_factory=dict)
    loners: set[str] = field(default_factory=set)


def check_cells(cells: Iterable[Cell], shelf: Shelf) -> Checked:
    """Load every data set and try a step of every model and method once, before any training.

    Raises:
        MixupMultiError: bad data, a point that a model does not offer, a setting that does not
            fit; nothing has been trained by then.
    """
    looked: dict[str, MissingDataError | bool] = {}
    checked = Checked()
    for cell in cells:
        train = cell.train.model_dump_json()
        kind = (cell.adapter, cell.dataset, cell.model, cell.method, cell.needs_validation)
        what = repr((*kind, train, cell.evaluations))
        if what not in looked:
            looked[what] = _check_cell(cell, shelf)
        found = looked[what]
        if isinstance(found, MissingDataError):
            checked.missing[cell.key] = found
        elif not found:
            checked.loners.add(cell.key)
    return checked


def _check_cell(cell: Cell, shelf: Shelf) -> MissingDataError | bool:
    """Return whether the cell may train in a cohort, or that its data is missing."""
    entry = cell.dataset
    try:
        data = shelf.get(cell)
        _check_validation(cell, data)
        entry = cell.model
        model = build_model(cell, data).to(shelf.site.device)
        entry = cell.method
        job = task_of(cell, data, shelf.site).job
        objective = job.objective.fit(Rehearsal(data, device=shelf.site.device))
        objective.check(model)
        check_compiled(objective, cell.train)
        check_devices(objective, shelf.site.devices)
        sociable = may_join(job, model)
        batch = data.train.gather(torch.arange(min(2, len(data.train)))).to(shelf.site.device)
        _dry_steps(objective, model, batch)
        for entry in cell.evaluations:
            evaluation_of(entry).check(subject_of(cell, data, shelf.site))
    except MissingDataError as error:
        return error
    except MixupMultiError as error:
        _with_place(error, cell, entry)
        raise
    except Exception:  # a defect, not a mistake: recorded as the cell's failure when it is run
        return False
    return sociable


def _dry_steps(objective: Objective, model: nn.Module, batch: Batch) -> None:
    """Take a step, thrown away; where codes flow at a point, one for each that may be drawn."""
    draw = objective.draw(batch.targets, torch.Generator())
    objective.loss(model, batch, draw)
    points = offered_points(model)
    if len(points) < 2 or not any(_codes_flow(model, batch, name) for name in points):
        return
    for number in range(len(points)):
        objective.loss(model, batch, _drawn_at(draw, (number + 0.5) / len(points)))


def _codes_flow(model: nn.Module, batch: Batch, point: str) -> bool:
    flow = flow_at(model, batch.inputs, point)
    if isinstance(flow, Joint):
        return True
    return any(not leaf.is_floating_point() for leaf in leaves(flow))


def _drawn_at(draw: Draw, where: float) -> Draw:
    """Return the draw at another of the points."""
    return replace(draw, where=where, inner=tuple(_drawn_at(one, where) for one in draw.inner))


def check_validation(cells: Iterable[Cell], shelf: Shelf) -> None:
    """Look whether the data sets that are here have the parts that protocols look at.

    Raises:
        MixupMultiError: one has none, or its data is bad.
    """
    needing = {cell.dataset.canonical: cell for cell in cells if cell.needs_validation}
    for cell in needing.values():
        try:
            _check_validation(cell, shelf.get(cell))
        except MissingDataError:
            continue
        except MixupMultiError as error:
            _with_place(error, cell, cell.dataset)
            raise


def _check_validation(cell: Cell, data: Data) -> None:
    if cell.needs_validation and data.validation is None:
        what = "a search" if cell.search is not None else f"selection: {cell.selection}"
        raise SettingError(
            f"{data.name} has no validation part, which {what} chooses by; expected one, e.g."
            f" {{name: {cell.dataset.name}, validation: 0.1}}"
        )


def _with_place(error: MixupMultiError, cell: Cell, entry: Choice) -> None:
    """Put the line of the entry that an error is about, and the cell's title, before it."""
    where = f"{entry.where}: " if entry.where else ""
    error.args = (f"{where}{cell.title}: {error}",)


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
