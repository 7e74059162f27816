"""From a table to `Data`: split, encoded and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, TensorSource, Trial, check_finite
from mixup_multi.engine.splits import Rows

from .corruptions import table_corruptions
from .encode import Encoder, fit_encoder
from .fit import EncodeSettings
from .layout import Columns
from .split import Parts, SplitSettings, divide
from .table import Table
from .targets import REGRESSION_NOTE, Targets, fit_targets, groups_of

MOST_NAMED = 8
"""Classes that one note names."""


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
        notes=(*_notes(table, encoder), *_rare(table, parts)),
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


def _rare(table: Table, parts: Parts) -> Iterator[str]:
    """Yield a note on classes that the test or validation part lacks, and so says nothing of."""
    if table.task == "regression":
        return
    counts = np.bincount(table.labels, minlength=len(table.classes))
    lacking: dict[str, list[str]] = {}
    for number, label in enumerate(table.classes):
        where = " or ".join(
            part
            for part, rows in (("test", parts.test), ("validation", parts.validation))
            if rows is not None and not (table.labels[rows] == number).any()
        )
        if where:
            rows = f"{counts[number]} {'row' if counts[number] == 1 else 'rows'}"
            lacking.setdefault(where, []).append(f"{label!r} ({rows})")
    for where, classes in lacking.items():
        named = ", ".join(classes[:MOST_NAMED])
        more = f" and {len(classes) - MOST_NAMED} more" if len(classes) > MOST_NAMED else ""
        kind = "class" if len(classes) == 1 else "classes"
        yield f"without a row in {where}: {kind} {named}{more}"
