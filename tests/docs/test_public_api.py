"""The public API is what the reference documents, and no name of it vanishes unnoticed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from generated.api import public_modules, public_names

import mixup_multi

SNAPSHOT = Path(__file__).with_name("public_api.txt")
COMMAND = "python docs/_ext/public_names.py > tests/docs/public_api.txt"


def test_no_public_name_has_vanished() -> None:
    vanished = sorted(set(SNAPSHOT.read_text().split()) - set(public_names()))
    assert not vanished, f"deprecate a name before it goes (docs/stability.md); then: {COMMAND}"


def test_the_list_of_public_names_is_complete() -> None:
    added = sorted(set(public_names()) - set(SNAPSHOT.read_text().split()))
    assert not added, f"new names are promises; if they are meant so: {COMMAND}"


@pytest.mark.parametrize("name", public_modules())
def test_a_public_module_says_what_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for one in module.__all__:
        thing = getattr(module, one)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, one


@pytest.mark.parametrize("package", ["mixup_multi.integrations"])
def test_no_module_of_a_documented_package_is_left_out(package: str) -> None:
    for one in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if not one.ispkg:  # a package within holds what the modules beside it are made of
            assert importlib.import_module(one.name).__all__, one.name


def test_names_of_the_package_live_in_public_modules() -> None:
    assert set(mixup_multi._HOMES) == set(mixup_multi.__all__)
    for name, home in mixup_multi._HOMES.items():
        assert home in public_modules()
        assert name in importlib.import_module(home).__all__
        assert getattr(mixup_multi, name) is getattr(importlib.import_module(home), name)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Mixupe'"):
        mixup_multi.Mixupe  # noqa: B018
    assert {*mixup_multi.__all__, "__version__"} <= set(dir(mixup_multi))
