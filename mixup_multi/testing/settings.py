"""Rules of all that is made by settings: they are described, annotated, and each has an effect."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Literal, Protocol

from mixup_multi import door
from mixup_multi.errors import MixupMultiError
from mixup_multi.testing.compare import alike, picture
from mixup_multi.testing.contract import broken, require, rule, skip
from mixup_multi.testing.members import Given

KINDS = ("objective", "predictor", "attack", "evaluation")
FLOATS = (0.3, 0.7, 1.0, 2.0, 0.0, -0.3)
WORDS = ("hidden", "input", "all", "1/7")
"""Values that are tried of numbers and of words: what is refused is passed over."""


class Configured(Protocol):
    """A member that was made by settings, or given as an instance."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def given(self) -> Given:
        """How it was given."""

    def read_by_use(self, made: Any) -> set[str]:
        """Return the attributes that are read while the member is used."""


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield plain values that a setting of this type might take."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from alternatives(option)
    elif typing.get_origin(annotation) is Literal:
        yield from typing.get_args(annotation)
    elif annotation is bool:
        yield from (True, False)
    elif annotation is int:
        yield from (3, 2, 4, 1, 7, 0)
    elif annotation is float:
        yield from FLOATS
    elif annotation is str:
        yield from WORDS
    elif isinstance(annotation, type) and getattr(annotation, "entry_points", None) in door.MADE:
        group = annotation.entry_points  # type: ignore[attr-defined]
        yield from ({"name": name} for name in door.names(group))


def varied(given: Given, setting: str) -> Iterator[tuple[Any, Any]]:
    """Yield other values of a setting that fit, each with the member that it makes."""
    assert given.maker is not None
    usual = door.check_settings(given.maker, given.settings).get(setting)
    for value in alternatives(door.settings_of(given.maker)[setting][0]):
        if value == usual:
            continue
        with suppress(MixupMultiError):
            yield value, given.make(**{setting: value})


@rule(*KINDS)
def it_is_described(case: Configured) -> None:
    """What makes a member, and its module, have docstrings: they are what listings show."""
    check_described(case.given.maker or type(case.given.instance))


def check_described(maker: Any) -> None:
    """Break the rule where a maker, or its module, has no docstring."""
    mend = "say in one sentence what it is, with its equation and source"
    require(bool((_own_doc(maker) or "").strip()), f"{maker.__qualname__} has no docstring", mend)
    module = sys.modules.get(maker.__module__)
    if maker.__module__ != "__main__" and hasattr(module, "__file__"):  # no session, no notebook
        said = (getattr(module, "__doc__", "") or "").strip()
        require(bool(said), f"the module {maker.__module__} has no docstring", mend)


def _own_doc(maker: Any) -> str | None:
    """Return a docstring that somebody wrote: a dataclass without one shows its signature."""
    doc: str | None = getattr(maker, "__doc__", None)
    generated = isinstance(maker, type) and (doc or "").startswith(f"{maker.__name__}(")
    return None if generated else doc


@rule(*KINDS)
def its_settings_are_annotated(case: Configured) -> None:
    """Every setting has a type that recipes are checked against, and a default that fits it."""
    if case.given.maker is None:
        skip("it was given as an instance")
    check_annotated(case.given.maker)


def check_annotated(maker: Callable[..., Any]) -> None:
    """Break the rule where a setting has no type, or a default that its type refuses."""
    mend = "annotate it with a plain type: float, int, bool, str, Literal, or one made by name"
    for name, (annotation, default) in door.settings_of(maker).items():
        if annotation is Any or annotation is inspect.Parameter.empty:
            broken(f"the setting {name} has no type", mend)
        if default is inspect.Parameter.empty or name in door.nested_of(maker):
            continue
        try:
            door.check_settings(_only(maker, name), {name: _plain(default)})
        except MixupMultiError as error:
            broken(f"the default of {name} does not fit its own type: {error}", mend)
        except Exception as error:
            broken(f"the type of {name} cannot be checked ({type(error).__name__}: {error})", mend)


def _only(maker: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a callable with one of the settings of `maker`."""
    annotation, default = door.settings_of(maker)[name]

    def one(**_: Any) -> None: ...

    parameter = inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
    one.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    one.__annotations__ = {name: annotation}
    return one


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


@rule(*KINDS)
def equal_settings_make_equal_members(case: Configured) -> None:
    """Made twice with the same settings, a member holds the same."""
    if case.given.maker is None:
        skip("it was given as an instance")
    require(
        alike(picture(case.given.make()), picture(case.given.make())),
        "two members of equal settings differ",
        "hold settings only: what is drawn or fitted comes later",
    )


@rule(*KINDS)
def every_setting_has_an_effect(case: Configured) -> None:
    """Another value of a setting makes another member, which reads it when it is used."""
    if case.given.maker is None:
        skip("it was given as an instance")
    settings = door.settings_of(case.given.maker)
    if not settings:
        skip("it has no settings")
    usual = case.given.make()
    others: list[Any] = []
    for setting in settings:
        tried = list(varied(case.given, setting))
        if tried and all(alike(picture(made), picture(usual)) for _, made in tried):
            broken(
                f"{setting} = {tried[0][0]!r} made the same as {setting} left out",
                "pass it on to what is made, or remove it",
            )
        others += [made for _, made in tried]
    unread, used = {name for name in settings if hasattr(usual, name)}, False
    for made in (usual, *others):  # some are read only beside another value of another one
        with suppress(Exception):  # of a member that refuses the value, or what it is tried on
            unread -= case.read_by_use(made) if unread else set()
            used = True
    for name in sorted(unread if used else ()):
        broken(f"the setting {name} is held, but never read", "use it, or remove it")


def attributes_read(made: Any, use: Callable[[Any], object]) -> set[str]:
    """Return the names of the attributes of `made` that are read while `use(made)` runs."""
    read: set[str] = set()
    kind = type(made)
    looked_up: Callable[[Any, str], Any] = vars(object)["__getattribute__"]

    def watched(self: Any, name: str) -> Any:
        read.add(name)
        return looked_up(self, name)

    watching = type(kind.__name__, (kind,), {"__slots__": (), "__getattribute__": watched})
    for name in list(getattr(made, "__dict__", ())):
        if isinstance(inspect.getattr_static(kind, name, None), cached_property):
            del made.__dict__[name]  # what was read for it is to be read again
    object.__setattr__(made, "__class__", watching)
    try:
        use(made)
    finally:
        object.__setattr__(made, "__class__", kind)
    return read
