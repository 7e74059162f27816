"""An option whose value may be left out, which typer does not offer."""

from __future__ import annotations

from typing import Any

from mixup_multi.cli.program import Command

WORDS = ("auto", "local")


class OptionalRayAddress(Command):
    """A command whose `--ray` stands alone or before an address: HOST:PORT, `auto` or `local`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a lonely `--ray` an empty value, then read the arguments."""
        completed = []
        for given, following in zip(args, [*args, ""][1:], strict=True):
            lonely = given == "--ray" and not (following in WORDS or ":" in following)
            completed.append("--ray=" if lonely else given)
        return super().parse_args(ctx, completed)
