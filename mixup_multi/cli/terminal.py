"""How a command speaks: what it tells on the way, what it was asked for, and what failed.

What it tells on the way (progress, tables) goes to stdout; with `--quiet` nowhere. What failed
stands among it; with `--quiet` it goes to stderr. With `--json` stdout is one JSON document, and
all else goes to stderr. What a listing was asked for is printed with `--quiet` too.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table
from rich.text import Text

from mixup_multi.cli.exits import PipeClosed
from mixup_multi.cli.streams import plain, speaks_unicode

WITHOUT_TERMINAL = 1000
"""Columns of what is read by no person at once: wide enough that no table is folded."""


class Paper(Console):
    """A rich console for any reader: a terminal, a pipe or a file, in UTF-8 or not."""

    def on_broken_pipe(self) -> None:
        """Say so to `main`, which knows the exit code."""
        raise PipeClosed

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return the text, in ASCII where the reader knows no more, before it is laid out."""
        return super().render_str(text if self.unicode else plain(text), **settings)

    @property
    def unicode(self) -> bool:
        """Whether its file can take any character."""
        return speaks_unicode(self.encoding)

    @property
    def redraws(self) -> bool:
        """Whether a bar may be redrawn; colours that are forced into a pipe make it no terminal."""
        return self.file.isatty() and not self.is_dumb_terminal


def paper(
    *, stderr: bool = False, quiet: bool = False, without_terminal: int = WITHOUT_TERMINAL
) -> Paper:
    """Return a console for stdout or stderr.

    A terminal, or whoever sets `COLUMNS`, says how wide it is; a pipe takes any width.
    """
    file = sys.stderr if stderr else sys.stdout
    told = file.isatty() or os.environ.get("COLUMNS", "").isdigit()
    width = None if told else without_terminal
    return Paper(stderr=stderr, quiet=quiet, width=width, highlight=False)


def plain_table(*headings: str, **settings: Any) -> Table:
    """Return a table without lines whose texts are folded where it is narrow, and never cut."""
    columns = [Column(heading, overflow="fold") for heading in headings]
    return Table(*columns, box=None, pad_edge=False, **settings)


@dataclass(frozen=True)
class Terminal:
    """The manners of one command.

    Attributes:
        quiet: print nothing on the way.
        as_json: print one JSON document, and nothing else, to stdout.
        out: where that document goes: stdout as it was when the command began.
    """

    quiet: bool = False
    as_json: bool = False
    out: IO[str] = field(default_factory=lambda: sys.stdout)

    @cached_property
    def console(self) -> Paper:
        """Where progress and tables go."""
        return paper(stderr=self.as_json, quiet=self.quiet)

    @cached_property
    def failures(self) -> Paper:
        """Where that goes which failed."""
        return paper(stderr=True) if self.quiet else self.console

    def say(self, markup: str) -> None:
        """Print a line of what happens; it is not folded."""
        self.console.print(markup, soft_wrap=True)

    def fail(self, markup: str) -> None:
        """Print a line of what failed."""
        self.failures.print(markup, soft_wrap=True)

    def show(self, thing: RenderableType) -> None:
        """Print a table; without the spaces that fill its lines, where no terminal needs them."""
        if self.console.is_terminal or self.quiet:
            self.console.print(thing)
            return
        with self.console.capture() as captured:
            self.console.print(thing)
        self.console.file.writelines(f"{one.rstrip()}\n" for one in captured.get().splitlines())

    def bars(self, *columns: ProgressColumn) -> Progress:
        """Return bars that go when they are full, and that are shown on a terminal only."""
        hidden = self.quiet or not self.console.redraws
        return Progress(*columns, console=self.console, transient=True, disable=hidden)

    def answer(self, document: Any) -> None:
        """Print the JSON document, if one was asked for."""
        if self.as_json:
            self.out.write(json_text(document))
            self.out.flush()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep what others print to stdout, such as a library that downloads, out of the way."""
        if not (self.quiet or self.as_json):
            yield
            return
        with redirect_stdout(sys.stderr):
            yield


def warn(message: str) -> None:
    """Print a line to stderr that stops nothing."""
    sys.stderr.write(f"mixup-multi: note: {message}\n")


def json_text(document: Any) -> str:
    """Return a document as JSON in ASCII with a line's end; what is no number is null."""
    return json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Return plain values with None for infinities and NaN, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
