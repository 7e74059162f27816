"""A part of recipes, by the labels or names of what is in them: the words of `--only`.

A word asks for a data set, a model, a method or an analysis. Words of one kind widen what is
asked for, kinds narrow it: `Iris`, `Letter` and `ERM` are ERM on both data sets. Nothing of a
cell depends on the part that it is asked for in.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mixup_multi.errors import SettingError, nearest
from mixup_multi.recipe.cell import Choice

KINDS = {
    "dataset": "data sets",
    "model": "models",
    "method": "methods",
    "analysis": "analyses",
}
SHOWN = 40

Made = Mapping[str, Choice]
"""What a cell is made of, by kind: `Cell.choices`; or an analysis, alone."""

Takes = Callable[[Made], bool]
"""Whether a part has a cell or an analysis."""

Pair = tuple[str, str]
"""A label and a name."""

_WAYS: tuple[Callable[[str, Pair], bool], ...] = (
    lambda text, pair: text == pair[0],
    lambda text, pair: text == pair[1],
    lambda text, pair: text.casefold() == pair[0].casefold(),
    lambda text, pair: text.casefold() == pair[1].casefold(),
)
"""How a word can mean an entry; the first way by which any is meant counts."""


@dataclass(frozen=True)
class Part:
    """How much of a recipe was asked for.

    Attributes:
        words: of `--only`, as given.
        cells: how many of its cells, and how many it has; those that wait for a search count too.
        analyses: how many of its analyses, and how many it has.
    """

    words: tuple[str, ...]
    cells: tuple[int, int]
    analyses: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        """Return e.g. `5 of its 300 cells (--only Iris --only ERM)`."""
        counts = {"cells": self.cells, "analyses": self.analyses}
        said = [f"{n:,} of its {whole:,} {what}" for what, (n, whole) in counts.items() if whole]
        command = shlex.join(word for one in self.words for word in ("--only", one))
        return f"{' and '.join(said)} ({command})"


@dataclass(frozen=True)
class _Asked:
    """A word of `--only`: of which kind it is, and its text without the kind."""

    word: str
    kind: str
    text: str


def parts_of(
    words: Sequence[str], wholes: Sequence[Iterable[Made]], where: Sequence[str]
) -> list[Takes]:
    """Return for each recipe, or output folder, what takes those that the words ask for.

    Args:
        words: labels or names, exact or but for upper case; `KIND=LABEL` where it could be of two
            kinds. A label goes before names, so that each entry can be asked for by itself.
        wholes: what each is made of.
        where: what messages call each of them.

    Raises:
        SettingError: nothing is called so; or things of two kinds are; or no cell is of a word
            together with the other words.
    """
    mades = [list(whole) for whole in wholes]
    offers = [_offered(made) for made in mades]
    asked = [_asked(word, offers, where) for word in words]
    takers = [_taking(asked, offer) for offer in offers]
    kept = [
        _offered(one for one in made if takes(one))
        for made, takes in zip(mades, takers, strict=True)
    ]
    for one in asked:
        meant = (set(_meant(one.text, offer[one.kind])) for offer in offers)
        if not any(pairs & rest[one.kind].keys() for pairs, rest in zip(meant, kept, strict=True)):
            raise _nothing_left(one, words, where)
    return takers


Offer = dict[str, dict[Pair, None]]


def _offered(made: Iterable[Made]) -> Offer:
    """Return all labels with names, by kind, in order."""
    offer: Offer = {kind: {} for kind in KINDS}
    for one in made:
        for kind, choice in one.items():
            offer[kind][choice.label, choice.name] = None
    return offer


def _taking(asked: Sequence[_Asked], offer: Offer) -> Takes:
    wanted: dict[str, set[Pair]] = {}
    for one in asked:
        wanted.setdefault(one.kind, set()).update(_meant(one.text, offer[one.kind]))

    def takes(made: Made) -> bool:
        meant = [
            (one.label, one.name) in wanted[kind] for kind, one in made.items() if kind in wanted
        ]
        return bool(meant) and all(meant)

    return takes


def _asked(word: str, offers: Sequence[Offer], where: Sequence[str]) -> _Asked:
    """Return of which kind a word is: that by which it means something most directly.

    Raises:
        SettingError: of none, or of two.
    """
    kind, equals, text = word.partition("=")
    kinds = [kind] if equals and kind in KINDS else list(KINDS)
    text = text if equals and kind in KINDS else word
    ways = {kind: min(_way(text, offer[kind]) for offer in offers) for kind in kinds}
    best = min(ways.values())
    found = [kind for kind, way in ways.items() if way == best]
    if best == len(_WAYS):
        raise _unknown(word, text, kinds, offers, where)
    if len(found) > 1:
        named = " and ".join(KINDS[kind] for kind in found)
        ways_out = " or ".join(shlex.join(["--only", f"{kind}={text}"]) for kind in found)
        raise SettingError(f"--only {word!r} is the name of {named}; expected {ways_out}")
    return _Asked(word, found[0], text)


def _way(text: str, pairs: Iterable[Pair]) -> int:
    """Return the number of the first way by which a text means any of the pairs."""
    pairs = list(pairs)
    met = (n for n, way in enumerate(_WAYS) if any(way(text, pair) for pair in pairs))
    return next(met, len(_WAYS))


def _meant(text: str, pairs: Iterable[Pair]) -> list[Pair]:
    pairs = list(pairs)
    way = _way(text, pairs)
    return [] if way == len(_WAYS) else [pair for pair in pairs if _WAYS[way](text, pair)]


def _unknown(
    word: str, text: str, kinds: Sequence[str], offers: Sequence[Offer], where: Sequence[str]
) -> SettingError:
    pairs = {kind: [pair for offer in offers for pair in offer[kind]] for kind in kinds}
    near = nearest(text, [word for own in pairs.values() for pair in own for word in pair])
    hint = "" if near is None else f"; did you mean {near!r}?"
    listed = "; ".join(f"{KINDS[kind]}: {_listed(own)}" for kind, own in pairs.items() if own)
    return SettingError(
        f"--only {word!r}: nothing in {', '.join(where)} has this label or name"
        f"{hint or '.'} Known {listed or 'is nothing'}"
    )


def _listed(pairs: Iterable[Pair]) -> str:
    """Return labels as a shell takes them."""
    labels = [shlex.quote(label) for label in dict.fromkeys(label for label, _ in pairs)]
    return ", ".join(labels[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")


def _nothing_left(one: _Asked, words: Sequence[str], where: Sequence[str]) -> SettingError:
    others = shlex.join(w for word in words if word != one.word for w in ("--only", word))
    return SettingError(
        f"--only {one.word!r}: no cell of {', '.join(where)} has it together with {others};"
        " `mixup-multi show` lists the cells that there are"
    )
