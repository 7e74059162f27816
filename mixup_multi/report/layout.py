"""What a row and a column of the tables are: methods, or whole systems, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple[str, ...]
Labels = tuple[str, str, str]
HEADINGS = {"dataset": "Data set", "model": "Model"}


@dataclass(frozen=True)
class Layout:
    """What a table puts side by side.

    Attributes:
        one: what a column is, in a word.
        rows: whose labels make a row: `dataset`, and `model` where it is not the column's.
        columns: whose labels make a column: `method`, or `model` and `method`.
    """

    one: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def many(self) -> str:
        """Return what its columns are, in a word."""
        return f"{self.one}s"

    @property
    def headings(self) -> tuple[str, ...]:
        """Return the headings of a row's labels."""
        return tuple(HEADINGS[kind] for kind in self.rows)

    @property
    def place_headings(self) -> tuple[str, ...]:
        """Return the headings of a row's labels and a column's, of tables with a line for each."""
        return *self.headings, self.one.capitalize()

    def names(self, labels: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return what a table calls its columns, by the labels of model and method.

        A system is called by its model and method, and by its model alone where the table has
        that model with one method only, unless another system is called so.
        """
        pairs = dict.fromkeys(labels)
        if "model" not in self.columns:
            return {(model, method): method for model, method in pairs}
        methods = Counter(model for model, _ in pairs)
        full = {pair: " / ".join(pair) for pair in pairs}
        short = {pair: pair[0] if methods[pair[0]] == 1 else full[pair] for pair in pairs}
        taken = Counter(short.values())
        return {pair: name if taken[name] == 1 else full[pair] for pair, name in short.items()}

    def places(self, cells: Iterable[Labels]) -> dict[Labels, Row]:
        """Return the row and, last, the column of cells, by their data set, model and method."""
        labels = list(cells)
        names = self.names((model, method) for _, model, method in labels)
        places = {}
        for dataset, model, method in labels:
            known = {"dataset": dataset, "model": model}
            row = (known[kind] for kind in self.rows)
            places[dataset, model, method] = (*row, names[model, method])
        return places


METHODS = Layout("method", ("dataset", "model"), ("method",))
SYSTEMS = Layout("system", ("dataset",), ("model", "method"))
LAYOUTS = {layout.one: layout for layout in (METHODS, SYSTEMS)}
"""By what recipes call them: their key `columns`."""
