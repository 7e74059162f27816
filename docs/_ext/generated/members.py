"""Lists of what recipes can name, with settings: what `mixup-multi list` shows, in full."""

from __future__ import annotations

from typing import Any

from generated.markdown import code, prose, summary, table
from generated.recipe_keys import settings_table
from mixup_multi import door
from mixup_multi.recipe.load import load_recipe, shipped_recipes


def group(name: str) -> str:
    """Return the members of an entry-point group, e.g. `mixup_multi.attacks`."""
    made = {one: door.load_maker(name, one) for one in door.names(name)}
    rows = ((f"[`{one}`](#{anchor(name, one)})", summary(maker)) for one, maker in made.items())
    sections = (_member(name, one, maker) for one, maker in made.items())
    return "\n".join([table(("name", ""), rows), *sections])


def anchor(group: str, name: str) -> str:
    """Return the name of a member's place, for links from any page."""
    return f"{door.kind_of(group)}-{name.replace('_', '-')}"


def _member(group: str, name: str, maker: Any) -> str:
    return _section(f"({anchor(group, name)})=\n## {code(name)}\n", maker)


def _section(heading: str, maker: Any) -> str:
    settings = settings_table(maker) or "No settings.\n"
    return "\n".join((heading, prose(maker) + "\n", settings))


def adapters(name: str) -> str:
    """Return an adapter's data sets and models."""
    adapter = door.load_adapter(name)
    parts = [f"{summary(type(adapter))}\n", "## Data sets\n"]
    for one, dataset in adapter.datasets.items():
        size = dataset.size or ("embedded" if dataset.fetch is None else "unknown")
        parts.append(f"### {code(one)}\n\n{dataset.summary}. Download: {size}.\n")
        parts.append(settings_table(dataset.load) or "No settings.\n")
    parts.append("## Models\n")
    parts += [_section(f"### {code(one)}\n", maker) for one, maker in adapter.models.items()]
    return "\n".join(parts)


def recipes(_: str) -> str:
    """Return the shipped recipes."""
    rows = []
    for name in shipped_recipes():
        _, recipe = load_recipe(name)
        rows.append((code(name), recipe.title, recipe.source))
    return table(("recipe", "", "source"), rows)
