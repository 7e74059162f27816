"""From what a caller gives (a name, a class, an instance) to a member and its maker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixup_multi import door
from mixup_multi.errors import SettingError


@dataclass(frozen=True)
class Given:
    """A member that can be made with other settings, or an instance that is what it is.

    Attributes:
        label: what it is called.
        maker: the callable whose settings a recipe gives; None of an instance.
        settings: those that are given.
        instance: the member itself, where it was given.
    """

    label: str
    maker: Callable[..., Any] | None
    settings: Mapping[str, Any]
    instance: Any = None

    def make(self, **changes: Any) -> Any:
        """Return the member as a recipe would make it.

        Raises:
            SettingError: a setting that does not fit.
        """
        if self.maker is None:
            return self.instance
        resolved = self._usual
        if changes:
            resolved = door.check_settings(self.maker, {**self.settings, **changes})
        return door.build(self.maker, settings=resolved)

    @cached_property
    def _usual(self) -> dict[str, Any]:
        assert self.maker is not None
        return door.check_settings(self.maker, self.settings)

    def takes(self, setting: str) -> bool:
        """Return whether the maker has a setting."""
        return self.maker is not None and setting in door.settings_of(self.maker)


def given_as(
    group: str, given: Any, methods: tuple[str, ...], settings: Mapping[str, Any] | None = None
) -> Given:
    """Return a member of an entry-point group, as it was given.

    Args:
        group: the group.
        given: an installed name, `module:callable`, a class, a function, or an instance, which
            has `methods`.
        methods: those by which an instance is known.
        settings: of the maker, as in a recipe.

    Raises:
        SettingError: there is no such name, it is neither, or an instance comes with settings.
    """
    if isinstance(given, str):
        return Given(given, door.load_maker(group, given), settings or {})
    is_instance = not isinstance(given, type) and all(hasattr(given, name) for name in methods)
    if is_instance and not hasattr(given, "__code__"):
        if settings:
            raise SettingError("settings have no effect beside an instance: set them in it")
        return Given(_class_name(type(given)), None, {}, given)
    if not callable(given):
        kind = door.kind_of(group)
        raise SettingError(
            f"{given!r} is no {kind}: expected a name, module:callable, a class, a function that"
            f" makes one, or an instance with {' and '.join(methods)}"
        )
    return Given(_class_name(given), given, settings or {})


def _class_name(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", thing)).rpartition(".")[2] or str(thing)
