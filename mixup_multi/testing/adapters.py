"""The contract of an adapter as a whole, and the check of all that it offers."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mixup_multi.testing.contract import Checked, broken, require, rule, run, skip
from mixup_multi.testing.offers import Offer, cases_of, offer_of
from mixup_multi.testing.settings import check_described


def check_adapter(
    adapter: Any,
    *,
    root: Path | str | None = None,
    only: str | Iterable[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Checked:
    """Hold an adapter, its data sets, models and shifts to their contracts.

    `rules("adapter")`, `rules("dataset")`, `rules("model")` and `rules("shift")` list them.

    Args:
        adapter: an installed name, `module:Class`, a class, or an instance.
        root: a data root for the data sets that need files; without it they are skipped, and the
            report says so. Nothing is downloaded, and nothing is written there.
        only: names of data sets, models or rules; None for all.
        settings: of data sets and models, by name, e.g. `{"file": {"path": "mine.csv"}}`; the
            others take their defaults.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.
        SettingError: there is no such adapter, or `only` names what is not there.

    >>> print(check_adapter("tabular", only="classes_have_names", settings={}))  # doctest: +SKIP
    """
    offer = offer_of(adapter, None if root is None else Path(root), settings)
    return run(offer.label, cases_of(offer), only)


@rule("adapter")
def it_offers_data_sets_and_models(offer: Offer) -> None:
    """An adapter has two tables, `datasets` and `models`, by name, with one entry or more each."""
    for table in ("datasets", "models"):
        found = getattr(offer.adapter, table, None)
        if not isinstance(found, Mapping) or not found:
            broken(f"{table} is {found!r}", f"give the class a mapping `{table}`: name -> ...")
        for name in found:
            plain = isinstance(name, str) and name.strip() == name != "" and ":" not in name
            require(plain, f"{table} has the name {name!r}", "names are words that recipes say")


@rule("adapter")
def it_and_its_module_are_described(offer: Offer) -> None:
    """An adapter's class and its module have docstrings: they are what listings show."""
    check_described(type(offer.adapter))


@rule("adapter")
def other_processes_can_import_it(offer: Offer) -> None:
    """The class can be imported by its name and called without arguments: other processes do so."""
    kind = type(offer.adapter)
    mend = "define the class at the top of a module, with no arguments of its constructor"
    found: Any = importlib.import_module(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not kind:
        broken(f"{kind.__module__}:{kind.__qualname__} is something else, or nothing", mend)
    try:
        kind()
    except TypeError as error:
        broken(f"{kind.__name__}() raised {error}", mend)


@rule("adapter")
def a_data_set_can_be_tried(offer: Offer) -> None:
    """One data set or more loads where the check runs: the rules of models need one."""
    if not isinstance(getattr(offer.adapter, "datasets", None), Mapping):
        skip("it has no table of data sets (see it_offers_data_sets_and_models)")
    absent = {name: case.absence for name, case in offer.datasets.items()}
    if not all(absent.values()) or any("see it_loads" in why for why in absent.values()):
        return
    broken(
        "; ".join(f"{name}: {why}" for name, why in absent.items()) or "there is none",
        "give check_adapter root= and settings=, or offer a small synthetic data set without files",
    )
