"""`mixup-multi list`: what recipes can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from rich.markup import escape

from mixup_multi import door
from mixup_multi.cli.remembered import remember
from mixup_multi.cli.terminal import Terminal, plain_table
from mixup_multi.engine.source import Dataset
from mixup_multi.entries import plural_of
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.load import load_recipe
from mixup_multi.recipe.shipped import shipped_recipes

Rows = Iterator[tuple[str, ...]]


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _adapters() -> Rows:
    for name in door.names(door.ADAPTERS):
        yield name, _summary(door.load(door.ADAPTERS, name))


def _datasets() -> Rows:
    for adapter in door.names(door.ADAPTERS):
        for name, dataset in door.load_adapter(adapter).datasets.items():
            yield adapter, name, dataset.summary, dataset.size or _no_size(dataset)


def _no_size(dataset: Dataset) -> str:
    return "embedded" if dataset.fetch is None else "unknown"


def _models() -> Rows:
    for adapter in door.names(door.ADAPTERS):
        for name, factory in door.load_adapter(adapter).models.items():
            yield adapter, name, _summary(factory)


def _made(group: str) -> Rows:
    for name in door.names(group):
        yield name, _summary(door.load(group, name))


def _recipes() -> Rows:
    for name in shipped_recipes():
        _, recipe = load_recipe(name)
        yield name, recipe.title


LISTS: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
    "adapters": (("adapter", ""), _adapters),
    "datasets": (("adapter", "data set", "", "download"), _datasets),
    "models": (("adapter", "model", ""), _models),
    "methods": (("method", ""), partial(_made, door.OBJECTIVES)),
    **{
        plural_of(group): ((door.kind_of(group), ""), partial(_made, group))
        for group in door.MADE
        if group != door.OBJECTIVES
    },
    "recipes": (("recipe", ""), _recipes),
}


def print_lists(what: str | None, terminal: Terminal) -> None:
    """Print one list, or all."""
    if what is not None and what not in LISTS:
        raise SettingError(f"there is no list {what!r}{did_you_mean(what, LISTS)}")
    asked = [what] if what else list(LISTS)
    if "datasets" in asked:
        remember()
    if terminal.as_json:
        found = {name: [_entry(LISTS[name][0], row) for row in LISTS[name][1]()] for name in asked}
        terminal.answer(found)
        return
    for name in asked:
        headings, rows = LISTS[name]
        table = plain_table(*headings, title=name, title_justify="left")
        for row in rows():
            table.add_row(*map(escape, row))
        terminal.show(table)
        terminal.say("")


def _entry(headings: tuple[str, ...], row: tuple[str, ...]) -> dict[str, str]:
    """Return a row with names for its columns; the nameless one is the summary."""
    return {heading or "summary": text for heading, text in zip(headings, row, strict=True)}
