"""Pages that are made of the installed package, so that they cannot grow stale.

A page says `<!-- generated: methods -->`, and what stands here under `methods` takes its place
when the page is read. Such pages are read again in every build.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from generated import api, command_line, docstrings, members, recipe_keys
from mixup_multi.testing import rules_table

MARK = re.compile(r"^<!-- generated: (\w+) ?(.*?) -->$", re.MULTILINE)
KINDS: dict[str, Callable[[str], str]] = {
    "api": api.modules,
    "api_top": api.top,
    "api_names": api.names,
    "commands": command_line.commands,
    "rules": rules_table,
    "recipe": recipe_keys.section,
    "recipes": members.recipes,
    "members": members.group,
    "adapters": members.adapters,
}


def filled(text: str) -> str:
    """Return a page's text with what its marks stand for."""
    return MARK.sub(lambda mark: KINDS[mark[1]](mark[2]), text)


def _read(app: Sphinx, page: str, source: list[str]) -> None:  # noqa: ARG001  (Sphinx's signature)
    source[0] = filled(source[0])


def _outdated(
    app: Sphinx,  # noqa: ARG001
    env: BuildEnvironment,
    added: set[str],  # noqa: ARG001
    changed: set[str],  # noqa: ARG001
    removed: set[str],  # noqa: ARG001
) -> list[str]:
    found = (page for page in env.found_docs if env.doc2path(page).suffix == ".md")
    return [page for page in found if MARK.search(env.doc2path(page).read_text())]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    docstrings.setup(app)
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
