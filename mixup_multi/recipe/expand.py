"""From a recipe to its cells."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mixup_multi import door
from mixup_multi.engine.settings import Train
from mixup_multi.errors import SettingError
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.explain import Place
from mixup_multi.recipe.schema import Entry, Matrix, Recipe

MOST_CELLS = 1_000_000
SINGULARS = {"evaluate": "evaluation", "analyses": "analysis"}
PLURALS = {"evaluate": "evaluations", "analyses": "analyses"}


Locate = Callable[[Place], str]


def cells_of(recipe: Recipe, locate: Locate = str) -> list[Cell]:
    """Return a recipe's cells, in the order in which they run; a repeated cell counts once.

    Args:
        recipe: as it was read.
        locate: says where in the file a path stands, for messages that come later.

    Raises:
        SettingError: an unknown name or setting, or one label for two things, with its path.
    """
    parts = (cells_of_part(recipe, number, locate) for number in range(len(recipe.parts)))
    return distinct(parts)


def cells_of_part(recipe: Recipe, number: int, locate: Locate = str) -> list[Cell]:
    """Return the cells of one part, methods in turn; see `cells_of`."""
    prefix: Place = ("parts", number)
    try:
        cells = _cells_of_part(recipe.parts[number], prefix, locate)
    except SettingError as error:
        raise SettingError(str(error), (*prefix, *error.path)) from error
    return [replace(cell, columns=recipe.columns) for cell in cells]


def distinct(parts: Iterable[Sequence[Cell]]) -> list[Cell]:
    """Return the cells of all parts, each once.

    Raises:
        SettingError: two cells under one label, or one under two.
    """
    cells: dict[str, Cell] = {}
    shown: dict[object, str] = {}
    for number, part in enumerate(parts):
        for cell in part:
            first = cells.setdefault(cell.key, cell)
            if first.title != cell.title or shown.setdefault(cell.title, cell.key) != cell.key:
                raise same_label(first, cell, ("parts", number))
    return list(cells.values())


def same_label(first: Cell, cell: Cell, prefix: Place) -> SettingError:
    """Return the error for one label of two cells, or two labels of one."""
    if first.key == cell.key and first.title != cell.title:
        said = f"{first.title!r} and {cell.title!r} are one and the same cell under two labels;"
        return SettingError(f"{said} remove one of them", (*prefix, "methods"))
    said = f"two different cells are both shown as {cell.title!r} and would be averaged;"
    return SettingError(
        f"{said} give each entry a label of its own, e.g. {{name: mixup, label: mixup 0.1}}",
        (*prefix, "methods"),
    )


def _cells_of_part(part: Matrix, prefix: Place, locate_in_file: Locate) -> list[Cell]:
    def locate(path: Place) -> str:
        return locate_in_file((*prefix, *path))

    try:
        adapter = door.load_adapter(part.adapter)
    except SettingError as error:
        raise SettingError(str(error), ("adapter",)) from error
    train = _train_of(part)
    datasets = _choices(
        "datasets",
        part.datasets,
        lambda name: door.pick("dataset", adapter.datasets, name).load,
        locate,
    )
    models = _choices(
        "models", part.models, lambda name: door.pick("model", adapter.models, name), locate
    )
    methods = _choices("methods", part.methods, door.load_objective, locate)
    evaluations = evaluations_of(part.evaluate, locate)
    _check_number(part)
    folds: Sequence[int | None] = [None] if part.folds is None else range(part.folds)
    matrix = itertools.product(
        datasets, models, range(part.trials), folds, zip(part.methods, methods, strict=True)
    )
    return [
        Cell(
            adapter=part.adapter,
            dataset=dataset,
            model=model,
            method=method,
            erm_epochs=entry.erm_epochs,
            train=train,
            trial=trial,
            seed=part.seed + trial,
            fold=fold,
            folds=part.folds,
            paper=part.paper,
            selection=part.selection,
            evaluations=evaluations,
        )
        for dataset, model, trial, fold, (entry, method) in matrix
    ]


def evaluations_of(entries: Sequence[Entry], locate: Locate) -> tuple[Choice, ...]:
    """Return checked evaluations.

    Raises:
        SettingError: an unknown name or setting, or one label for two of them, with its path.
    """
    choices = _choices("evaluate", entries, partial(door.load_maker, door.EVALUATIONS), locate)
    _check_labels("evaluate", choices, "{name: error, label: PGD-10, attack: {name: pgd}}")
    return tuple(choices)


def analyses_of(recipe: Recipe, locate: Locate = str) -> tuple[Choice, ...]:
    """Return a recipe's checked analyses.

    Raises:
        SettingError: an unknown name, a setting that none of them takes, or one label for two of
            them, with its path.
    """
    maker = partial(door.load_maker, door.ANALYSES)
    choices = _choices("analyses", recipe.analyses, maker, locate)
    _check_labels("analyses", choices, "{name: taylor, label: alpha 0.2, alpha: 0.2}")
    for index, choice in enumerate(choices):
        try:
            door.make(door.ANALYSES, {"name": choice.name, **choice.settings})
        except SettingError as error:
            message = f"analysis {choice.name!r}: {error}"
            raise SettingError(message, ("analyses", index, *error.path)) from error
    return tuple(choices)


def _check_labels(kind: str, choices: Sequence[Choice], example: str) -> None:
    """Raise `SettingError` where two entries of a list have one label."""
    seen: dict[str, int] = {}
    for index, choice in enumerate(choices):
        if seen.setdefault(choice.label, index) != index:
            raise SettingError(
                f"two {PLURALS[kind]} are both shown as {choice.label!r}; give each a label of its"
                f" own, e.g. {example}",
                (kind, index),
            )


def _check_number(part: Matrix) -> None:
    """Raise `SettingError` where lists, trials and folds multiply to more than any grid has."""
    lists = len(part.datasets) * len(part.models) * len(part.methods)
    number = lists * part.trials * (part.folds or 1)
    if number > MOST_CELLS:
        raise SettingError(
            f"trials ({part.trials}) and folds ({part.folds or 'none'}) make {number} cells of"
            f" these lists; expected at most {MOST_CELLS:,}",
            ("trials" if part.trials > (part.folds or 1) else "folds",),
        )


def _train_of(part: Matrix) -> Train:
    """Return how a part's cells are trained: an epoch can be reported only if it was tested."""
    if part.selection == "fold_mean" and part.folds is None:
        raise SettingError(
            "selection: fold_mean needs folds: N, over which to average", ("selection",)
        )
    if part.selection == "last":
        return part.train
    if "track_test" in part.train.model_fields_set and not part.train.track_test:
        raise SettingError(
            f"train.track_test is false, but selection: {part.selection} reports an epoch's test"
            " error, which has to be recorded; leave track_test out, or take selection: last",
            ("train", "track_test"),
        )
    return part.train.model_copy(update={"track_test": True})


def _choices(
    kind: str,
    entries: Sequence[Entry],
    factory_of: Callable[[str], Callable[..., Any]],
    locate: Locate,
) -> list[Choice]:
    """Return the entries with their settings checked and completed."""
    choices = []
    for index, entry in enumerate(entries):
        own = [key for key in type(entry).model_fields if key != "name"]
        try:
            settings = door.check_settings(factory_of(entry.name), entry.settings, own)
        except SettingError as error:
            message = f"{SINGULARS.get(kind, kind.removesuffix('s'))} {entry.name!r}: {error}"
            raise SettingError(message, (kind, index, *error.path)) from error
        choices.append(Choice(entry.name, entry.shown, settings, locate((kind, index))))
    return choices
