"""From a table to `Data`: split, encoded and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, TensorSource, Trial, check_finite
from mixup_multi.engine.splits import Rows

from .corruptions import table_corruptions
from .encode import Encoder, fit_encoder
from .fit import EncodeSettings
from .layout import Columns
from .split import SplitSettings, divide
from .table import Table
from .targets import REGRESSION_NOTE, Targets, fit_targets, groups_of


@dataclass(frozen=True)
class CodedSource(TensorSource):
    """A split with columns to embed, whose inputs have no mean: they are partly codes."""

    def mean(self) -> None:
        """Return None."""


def split_and_encode(
    name: str,
    table: Table,
    trial: Trial,
    split: SplitSettings,
    encode: EncodeSettings,
    published: int | None = None,
) -> Data:
    """Divide a table's rows, fit the encoding on the training rows and encode every part.

    The data's facts are `rows`, `features` (columns beside the target), `width` (floating-point
    columns of an encoded row) and `cardinalities` (codes of each column to embed); of a regression
    also `target_mean` and `target_std`, by which predictions become what they were.

    Raises:
        SettingError: a share is out of range, or a split is asked for that does not exist.
        DataError: a class or a part is left without rows, or features cannot be encoded.
    """
    parts = divide(name, groups_of(table), trial, split, published)
    targets = fit_targets(name, table, parts.train)
    encoder = fit_encoder(name, table, parts.train, encode)

    def source(part: str, rows: Rows) -> TensorSource:
        return _source(name, part, table, rows, encoder, targets)

    train = source("training", parts.train)
    bounds = None
    if not encoder.cardinalities:
        bounds = encoder.bounds(train.inputs, standard=encode.scale == "standard")

    return Data(
        name=name,
        train=replace(train, bounds=bounds),
        test=source("test", parts.test),
        validation=None if parts.validation is None else source("validation", parts.validation),
        classes=table.classes,
        key=_key(table, encode),
        loss=targets.loss,
        notes=_notes(table, encoder),
        facts={
            "rows": len(table.labels),
            "features": table.features,
            "width": encoder.width,
            "cardinalities": encoder.cardinalities,
            **_scale(table, targets),
        },
        shifts=Shifts(made=table_corruptions(Columns.of(encoder, train.inputs))),
    )


def _key(table: Table, encode: EncodeSettings) -> str:
    """Return the table's key, and that of how it is encoded where this is not the usual way.

    What is fitted to encoded rows (a codec) is kept under it.
    """
    return table.key if encode == EncodeSettings() else content_key(table.key, repr(encode))


def _scale(table: Table, targets: Targets) -> dict[str, float]:
    if table.task == "classification":
        return {}
    return {"target_mean": targets.centre, "target_std": targets.spread}


def _source(
    name: str, part: str, table: Table, rows: Rows, encoder: Encoder, targets: Targets
) -> TensorSource:
    inputs = encoder.apply(table, rows)
    check_finite(name, part, inputs)
    kind = CodedSource if encoder.cardinalities else TensorSource
    return kind(
        inputs=inputs,
        labels=targets.apply(table, rows),
        classes=len(table.classes),
        ids=[str(row) for row in rows],
    )


def _notes(table: Table, encoder: Encoder) -> tuple[str, ...]:
    notes = [REGRESSION_NOTE] if table.task == "regression" else []
    if table.dropped:
        notes.append(f"declared classes without rows left out: {', '.join(table.dropped)}")
    unused = table.features - len(encoder.numbers) - len(encoder.codes)
    if unused:
        notes.append(f"{unused} columns without a training value left out")
    return tuple(notes)
