"""The door: how a name in a recipe becomes an adapter, an objective or an attack, with settings.

Ours and a stranger's come through it alike: by an entry point, or as `module:Class` (which also
works without reinstalling). Whatever a recipe names is a callable with annotated keyword-only
parameters; the recipe's mapping is its keyword arguments, checked against those annotations.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from mixup_multi.entries import ADAPTERS as ADAPTERS
from mixup_multi.entries import ANALYSES as ANALYSES
from mixup_multi.entries import CODECS as CODECS
from mixup_multi.entries import EVALUATIONS as EVALUATIONS
from mixup_multi.entries import MADE as MADE
from mixup_multi.entries import OBJECTIVES as OBJECTIVES
from mixup_multi.entries import entries
from mixup_multi.entries import kind_of as kind_of
from mixup_multi.entries import names as names
from mixup_multi.errors import SettingError, did_you_mean

__all__ = [
    "build_objective",
    "check_settings",
    "load",
    "load_adapter",
    "load_objective",
    "make",
]

LATER = ("p", "bandwidth", "task", "separator")
"""Settings that methods and data sets of earlier versions did not have; see `check_settings`."""


def load(group: str, name: str) -> Any:
    """Return what `name` stands for: an entry point of `group`, or `module:attribute`.

    Raises:
        SettingError: there is no such name, or it cannot be imported.
    """
    kind = kind_of(group)
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # whatever a stranger's module does when it is imported
            raise SettingError(
                f"{kind} {name!r} cannot be imported ({type(error).__name__}: {error}); expected"
                " module:attribute of a module that is installed or lies in this folder"
            ) from error
    if name in entries(group):
        return entries(group)[name].load()
    raise SettingError(f"there is no {kind} {name!r}{did_you_mean(name, names(group))}")


def load_adapter(name: str) -> Any:
    """Return an instance of the adapter called `name`.

    Raises:
        SettingError: there is none, or it is no adapter.
    """
    found = load(ADAPTERS, name)
    adapter = found() if isinstance(found, type) else found
    for table in ("datasets", "models"):
        if not isinstance(getattr(adapter, table, None), Mapping):
            raise SettingError(f"{name!r} is no adapter: expected a mapping {table!r} on it")
    return adapter


def load_maker(group: str, name: str) -> Callable[..., Any]:
    """Return the callable that makes what is called `name` in an entry-point group.

    Raises:
        SettingError: there is none, or it cannot be called with settings.
    """
    found = load(group, name)
    try:
        settings_of(found)
    except (TypeError, ValueError, NameError) as error:
        raise SettingError(f"{name!r} makes no {kind_of(group)}: {error}") from error
    return found  # type: ignore[no-any-return]


def load_objective(name: str) -> Callable[..., Any]:
    """Return the callable that makes the objective called `name`; see `load_maker`."""
    return load_maker(OBJECTIVES, name)


def _one_of(group: str) -> str:
    """Return `an objective`, `a codec`."""
    kind = kind_of(group)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def pick(kind: str, table: Mapping[str, Any], name: str) -> Any:
    """Return `table[name]`.

    Raises:
        SettingError: there is none; it says which there are.
    """
    if name not in table:
        raise SettingError(f"there is no {kind} {name!r}{did_you_mean(name, table)}")
    return table[name]


def settings_model(factory: Callable[..., Any]) -> type[BaseModel]:
    """Return a pydantic model of a callable's settings that hold plain values."""
    fields: dict[str, Any] = {}
    nested = nested_of(factory)
    for name, (annotation, default) in settings_of(factory).items():
        if name not in nested:
            fields[name] = (annotation, ... if default is inspect.Parameter.empty else default)
    config = ConfigDict(strict=True, extra="forbid")
    return create_model(getattr(factory, "__name__", "settings"), __config__=config, **fields)


def check_settings(
    factory: Callable[..., Any], given: Mapping[str, Any], beside: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a callable's settings, checked and with defaults filled in, as plain values.

    A parameter that takes an objective (an attack, ...) holds a mapping with a `name`, checked in
    its turn. Those of `LATER` are left out at their default, so that what was trained before they
    were there is still known as the same.

    Args:
        factory: the callable.
        given: what the recipe says.
        beside: other keys that the entry may have, to suggest for a misspelt one.

    Raises:
        SettingError: an unknown key (with the nearest known one), a missing one, a wrong type.
    """
    parameters = settings_of(factory)
    for key in given:
        if key not in parameters:
            raise SettingError(
                f"unknown setting {key!r}{did_you_mean(key, [*parameters, *beside])}", path=(key,)
            )
    nested = nested_of(factory)
    plain = {key: value for key, value in given.items() if key not in nested}
    try:
        model = settings_model(factory).model_validate_json(json.dumps(plain, default=str))
    except ValidationError as error:
        raise setting_error(error) from error
    resolved: dict[str, Any] = model.model_dump(mode="json")
    for key, group in nested.items():
        required = parameters[key][1] is inspect.Parameter.empty
        resolved[key] = _check_nested(key, given.get(key), group, required=required)
    unused = {key for key in LATER if key in resolved and resolved[key] == parameters[key][1]}
    return {key: value for key, value in resolved.items() if key not in unused}


def _check_nested(key: str, given: Any, group: str, *, required: bool) -> dict[str, Any] | None:
    if given is None and not required:
        return None
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        some = next(iter(names(group)), "module:Class")
        raise SettingError(
            f"setting {key!r} is {given!r}: expected {_one_of(group)}, e.g. {{name: {some}}}",
            path=(key,),
        )
    settings = {name: value for name, value in given.items() if name != "name"}
    try:
        resolved = check_settings(load_maker(group, given["name"]), settings)
    except SettingError as error:
        raise SettingError(
            f"{kind_of(group)} {given['name']!r}: {error}", (key, *error.path)
        ) from error
    return {"name": given["name"], **resolved}


def build(factory: Callable[..., Any], *args: Any, settings: Mapping[str, Any]) -> Any:
    """Call `factory(*args, **settings)` with settings that `check_settings` has resolved."""
    parameters = settings_of(factory)
    arguments: dict[str, Any] = {}
    for key, value in settings.items():
        expected = _nested(parameters[key][0])
        if expected is not None and value is None:
            continue  # not given: the parameter has a default of its own, which may be a method
        if expected is not None:
            value = make(expected.entry_points, value)  # type: ignore[attr-defined]
            if not isinstance(value, expected):
                raise SettingError(
                    f"setting {key!r} is a {type(value).__name__}: expected a {expected.__name__}"
                    f" (see {expected.__module__})",
                    path=(key,),
                )
        if _has_sections(parameters[key][0]):
            value = TypeAdapter(parameters[key][0]).validate_json(json.dumps(value))
        arguments[key] = tuple(value) if isinstance(value, list) else value
    return factory(*args, **arguments)


def make(group: str, entry: Mapping[str, Any]) -> Any:
    """Return what a resolved entry, a mapping with `name` and settings, stands for in a group.

    Raises:
        SettingError: it lacks the methods of the group's members.
    """
    settings = {key: value for key, value in entry.items() if key != "name"}
    made = build(load_maker(group, entry["name"]), settings=settings)
    lacking = [method for method in MADE[group] if not hasattr(made, method)]
    if lacking:
        raise SettingError(
            f"{entry['name']!r} made a {type(made).__name__}: expected {_one_of(group)}, with"
            f" {' and '.join(MADE[group])}"
        )
    return made


def build_objective(entry: Mapping[str, Any]) -> Any:
    """Return the objective of a resolved entry, a mapping with `name` and settings."""
    return make(OBJECTIVES, entry)


def setting_error(error: ValidationError) -> SettingError:
    """Return our error for the first of pydantic's, in one sentence."""
    first = error.errors()[0]
    path = tuple(part for part in first["loc"] if isinstance(part, str | int))
    where = ".".join(str(part) for part in path)
    given = first.get("input")
    if first["type"] == "missing":
        return SettingError(f"{where}: this setting is missing", path[:-1])
    message = first["msg"][0].lower() + first["msg"][1:]
    message = message.replace("a valid array", "a list, e.g. [a, b]")
    return SettingError(f"{where} is {given!r}: {message}", path)


def nested_of(factory: Callable[..., Any]) -> dict[str, str]:
    """Return which settings of a callable are made by name, with their entry-point groups."""
    found = {key: _nested(annotation) for key, (annotation, _) in settings_of(factory).items()}
    return {key: kind.entry_points for key, kind in found.items() if kind is not None}  # type: ignore[attr-defined]


def settings_of(factory: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Return a callable's settings: name -> (annotation, default).

    Of a function they are its keyword-only parameters, since what comes before (a data root, a
    data set) is not the recipe's; of a class, all that its constructor takes by name.
    """
    kinds: set[Any] = {inspect.Parameter.KEYWORD_ONLY}
    annotated: Any = factory
    if isinstance(factory, type):
        kinds = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        # A dataclass's fields, with the names of the modules that they are inherited from.
        made = (
            None
            if dataclasses.is_dataclass(factory)
            else inspect.getattr_static(factory, "__init__")
        )
        annotated = made or factory
    hints = typing.get_type_hints(annotated)
    return {
        name: (hints.get(name, Any), _default(factory, parameter))
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind in kinds
    }


def _default(factory: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Return a parameter's default; of a field with a `default_factory`, what that makes.

    A dataclass's signature has a mark in its place, which says nothing but `<factory>`.
    """
    if dataclasses.is_dataclass(factory) and repr(parameter.default) == "<factory>":
        made = {one.name: one.default_factory for one in dataclasses.fields(factory)}
        maker = made[parameter.name]
        return parameter.default if maker is dataclasses.MISSING else maker()
    return parameter.default


def _has_sections(annotation: Any) -> bool:
    """Return whether a parameter takes sections of a recipe, such as `Train`, or lists of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(map(_has_sections, typing.get_args(annotation)))


def _nested(annotation: Any) -> type | None:
    """Return the class of what a parameter takes by name, or None where it takes plain values."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = (_nested(option) for option in typing.get_args(annotation))
        return next((kind for kind in found if kind is not None), None)
    if isinstance(annotation, type) and getattr(annotation, "entry_points", None) in MADE:
        return annotation
    return None
