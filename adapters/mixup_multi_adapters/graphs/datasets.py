"""The graph data sets that are offered by name.

Their settings are the fields of `Choices`.

Settings:
    features: of a node: one-hot `labels` or `degree`, `labels_and_attributes`, or a `constant`;
        `auto` is `labels` where the data has them, else `degree`.
    vocabulary: whether labels and degrees of `all` graphs get a column, as in the GIN code, or of
        `training` graphs only.
    split_seed: seeds the split; `null` takes the trial's seed.
    validation: the share of the training graphs, in [0, 1), that is held out, stratified.
    test: the share of test graphs, in (0, 1); unused where the trial has folds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import SettingError

from .data import Choices, prepare
from .features import Features, Vocabulary
from .motifs import motif_graphs
from .tables import FOLDER, TABLES, Table, check_known_counts, fetch_table, read_table


def _loader(table: Table) -> Callable[..., Data]:
    def load(
        root: Path,
        trial: Trial,
        *,
        features: Features = "auto",
        vocabulary: Vocabulary = "all",
        split_seed: int | None = 0,
        validation: float = 0.0,
        test: float = 0.1,
    ) -> Data:
        """Read one of the graph sets of the GIN protocol; the settings are those of `Choices`.

        Raises:
            DataError: the files are not there, or are not the whole published table.
        """
        raw = read_table(Path(root), table.official)
        check_known_counts(raw, table, Path(root) / FOLDER / table.official)
        return prepare(raw, trial, Choices(features, vocabulary, split_seed, validation, test))

    return load


def load_tudataset(
    root: Path,
    trial: Trial,
    *,
    table: str,
    features: Features = "auto",
    vocabulary: Vocabulary = "all",
    split_seed: int | None = 0,
    validation: float = 0.0,
    test: float = 0.1,
) -> Data:
    """Read any TUDataset for classification; the other settings are those of `Choices`.

    Args:
        root: the data root; the files are `root/TUDataset/TABLE/raw/TABLE_*.txt`.
        trial: which repetition.
        table: its official name, e.g. `ENZYMES` or `REDDIT-BINARY`.
        features: see `Choices`, as for the following.
        vocabulary: whose labels and degrees get a column.
        split_seed: seeds the split.
        validation: share of the training graphs.
        test: share of the graphs, where there are no folds.

    Raises:
        DataError: the files are not there or cannot be used.
        SettingError: `table` is not a name.
    """
    if not table or Path(table).name != table:
        raise SettingError(f"table: {table!r}; expected a TUDataset's name, e.g. ENZYMES")
    choices = Choices(features, vocabulary, split_seed, validation, test)
    return prepare(read_table(Path(root), table), trial, choices)


def load_motifs(
    root: Path,  # noqa: ARG001
    trial: Trial,
    *,
    graphs: int = 300,
    noise: float = 0.1,
    seed: int = 0,
    features: Features = "auto",
    vocabulary: Vocabulary = "all",
    split_seed: int | None = 0,
    validation: float = 0.0,
    test: float = 0.1,
) -> Data:
    """Generate synthetic motif graphs; the other settings are those of `Choices`.

    Args:
        root: not read.
        trial: which repetition; the graphs are the same in all of them.
        graphs: how many, at least 32.
        noise: random extra edges a node, in [0, 1].
        seed: of the graphs.
        features: see `Choices`, as for the following.
        vocabulary: whose degrees get a column.
        split_seed: seeds the split.
        validation: share of the training graphs.
        test: share of the graphs, where there are no folds.

    Raises:
        SettingError: a setting is out of its range.
    """
    choices = Choices(features, vocabulary, split_seed, validation, test)
    note = f"synthetic: {graphs} generated graphs (noise {noise:g}, seed {seed}), not a benchmark"
    return prepare(motif_graphs(graphs, noise, seed), trial, choices, (note,))


def _fetcher(table: Table) -> Callable[[Path], None]:
    return lambda root: fetch_table(Path(root), table.official)


DATASETS = {
    **{
        name: Dataset(
            summary=f"{table.official}: {table.graphs:,} graphs, {table.about} (TUDataset)",
            load=_loader(table),
            fetch=_fetcher(table),
            folder=f"{FOLDER}/{table.official}",
            size=table.size,
        )
        for name, table in TABLES.items()
    },
    "tudataset": Dataset(
        summary="any TUDataset by its official name (setting: table)",
        load=load_tudataset,
        fetch=lambda root, *, table: fetch_table(Path(root), table),
        folder=FOLDER,
        size="0.1 MB to 1 GB",
    ),
    "motifs": Dataset(
        summary="synthetic: random trees with a cycle, grid, house or star in them, 4 classes",
        load=load_motifs,
    ),
}
