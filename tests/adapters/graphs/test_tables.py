"""Reading TUDatasets: the published counts, PyG's reader as the oracle, and damaged files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.graphs import GraphAdapter, tables
from mixup_multi_adapters.graphs.tables import TABLES, fetch_table, read_table

DATASETS = GraphAdapter().datasets

# name: graphs, class counts, nodes, directed edges, width of the features
PUBLISHED = {
    "mutag": (188, [63, 125], 3_371, 7_442, 7),
    "ptc_mr": (344, [192, 152], 4_915, 10_108, 18),
    "proteins": (1_113, [663, 450], 43_471, 162_088, 3),
    "nci1": (4_110, [2_053, 2_057], 122_747, 265_506, 37),
    "imdb_binary": (1_000, [500, 500], 19_773, 193_062, 65),
    "imdb_multi": (1_500, [500, 500, 500], 19_502, 197_806, 59),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name: str, real_graphs: Path) -> None:
    data = DATASETS[name].load(real_graphs, Trial(fold=0, folds=10))
    graphs, class_counts, nodes, edges, width = PUBLISHED[name]
    parts = (data.train, data.test)
    labels = torch.cat([part.labels for part in parts])
    assert len(labels) == graphs
    assert torch.bincount(labels).tolist() == class_counts
    assert sum(int(part.store.nodes.sum()) for part in parts) == nodes
    assert sum(int(part.store.edge_counts.sum()) for part in parts) == edges
    batch = data.test.gather(torch.arange(len(data.test))).inputs
    assert batch.x.shape[1] == width == data.facts["features"]
    assert torch.equal(batch.x.sum(1), torch.ones(len(batch.x)))  # one-hot
    assert not data.notes
    assert len(data.classes) == len(class_counts)


def _assert_read_as_pyg_does(root: Path, official: str) -> None:
    from torch_geometric.io import read_tu_data

    expected, slices, sizes = read_tu_data(str(root / "TUDataset" / official / "raw"), official)
    raw = read_table(root, official)
    assert torch.equal(raw.edge_counts, slices["edge_index"].diff())
    assert torch.equal(raw.nodes, slices["x"].diff())
    starts = slices["x"][:-1].repeat_interleave(raw.edge_counts)  # PyG counts within each graph
    assert torch.equal(raw.edges, expected.edge_index + starts)
    assert torch.equal(raw.labels, expected.y)
    attributes = sizes["num_node_attributes"]
    assert torch.equal(raw.node_attributes, expected.x[:, :attributes])
    ranks = torch.unique(raw.node_labels, return_inverse=True)[1][:, 0]
    assert torch.equal(
        torch.unique(expected.x[:, attributes:].argmax(1), return_inverse=True)[1], ranks
    )


@pytest.mark.parametrize("official", ["MUTAG", "PTC_MR"])
def test_graphs_are_those_of_pyg(official: str, real_graphs: Path) -> None:
    _assert_read_as_pyg_does(real_graphs, official)


def test_untidy_graphs_are_those_of_pyg(write_tiny: Callable[..., Path]) -> None:
    """Self-loops, edges given twice and in any order, attributes, gaps between labels."""
    root = write_tiny(
        without="edge_labels", A=lambda lines: [*lines[::-1], "2, 2", "11, 10", "10, 11", "10, 11"]
    )
    _assert_read_as_pyg_does(root, "TINY")


def test_tiny_table_by_hand(write_tiny: Callable[..., Path]) -> None:
    raw = read_table(write_tiny(), "TINY")
    assert raw.nodes.tolist() == [3, 3, 3, 2]
    assert raw.edge_counts.tolist() == [6, 2, 4, 2]
    assert raw.edges[:, 6:12].tolist() == [[3, 4, 6, 7, 7, 8], [4, 3, 7, 6, 8, 7]]
    assert raw.degrees().tolist() == [2, 2, 2, 1, 1, 0, 1, 2, 1, 1, 1]
    assert raw.classes == ("-1", "1")
    assert raw.labels.tolist() == [1, 0, 0, 1]
    assert raw.node_attributes[10].tolist() == [5.0, 100.0, 7.0]


def test_self_loops_go_and_repeated_edges_count_once(write_tiny: Callable[..., Path]) -> None:
    root = write_tiny(
        without="edge_labels", A=lambda lines: [*lines, "2, 2", "11, 10", "10, 11", "10, 11"]
    )
    assert read_table(root, "TINY").edge_counts.tolist() == [6, 2, 4, 2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"A": lambda lines: lines[:-1]}, ["TINY_A.txt", "10 and 11", "one direction"]),
        ({"A": lambda lines: [*lines[:-1], "11,"]}, ["TINY_A.txt", "expected lines of numbers"]),
        ({"A": lambda lines: [*lines[:-1], "11"]}, ["TINY_A.txt", "expected lines of numbers"]),
        ({"A": lambda lines: [*lines, "1, 12"]}, ["TINY_A.txt", "outside 1 to 11"]),
        ({"A": lambda lines: [*lines, "1, 4", "4, 1"]}, ["TINY_A.txt", "line 15", "two graphs"]),
        ({"A": lambda lines: [line + ", 1" for line in lines]}, ["TINY_A.txt", "3 columns"]),
        ({"A": lambda lines: []}, ["TINY_A.txt", "empty"]),
        ({"graph_indicator": lambda lines: lines[:-1]}, ["TINY_A.txt", "outside 1 to 10"]),
        ({"graph_indicator": lambda lines: lines[:-2]}, ["indicator.txt", "graph 3", "4 graph"]),
        ({"graph_indicator": lambda lines: lines[::-1]}, ["indicator.txt", "ascending"]),
        ({"graph_labels": lambda lines: lines[:-1]}, ["graph_labels.txt", "graph 4", "3 graph"]),
        ({"graph_labels": lambda lines: ["1.5", *lines[1:]]}, ["labels.txt", "line 1", "whole"]),
        ({"node_labels": lambda lines: lines[:-1]}, ["node_labels.txt", "10 lines", "11 nodes"]),
        ({"node_labels": lambda lines: ["x", *lines[1:]]}, ["node_labels.txt", "numbers"]),
        ({"edge_labels": lambda lines: lines[:-1]}, ["edge_labels.txt", "14 edges"]),
        ({"node_attributes": lambda lines: ["nan, 1, 1", *lines[1:]]}, ["TINY", "NaN", "row 0"]),
    ],
)
def test_damaged_file_is_named(
    changes: dict[str, Callable[[list[str]], list[str]]],
    words: list[str],
    write_tiny: Callable[..., Path],
) -> None:
    if "A" in changes:
        changes = {**changes, "edge_labels": lambda lines: lines}
    with pytest.raises(DataError) as caught:
        read_table(write_tiny(**changes), "TINY")
    for word in words:
        assert word in str(caught.value)


def test_table_without_graph_labels_is_refused(write_tiny: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"TINY_graph_labels\.txt: there is no such file"):
        read_table(write_tiny(without="graph_labels"), "TINY")


def test_shortened_copy_of_a_known_table_is_refused(
    tmp_path: Path, real_graphs: Path, write_tiny: Callable[..., Path]
) -> None:
    folder = write_tiny() / "TUDataset" / "TINY" / "raw"
    (tmp_path / "TUDataset" / "MUTAG" / "raw").mkdir(parents=True)
    for file in folder.iterdir():
        shutil.copy(file, tmp_path / "TUDataset/MUTAG/raw" / file.name.replace("TINY", "MUTAG"))
    with pytest.raises(DataError, match=r"found 4 graphs.*MUTAG has 188, 3,371 and 7,442"):
        DATASETS["mutag"].load(tmp_path, Trial())
    assert len(DATASETS["tudataset"].load(tmp_path, Trial(), table="MUTAG", test=0.5).train) == 2


def test_absent_data_says_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        DATASETS["proteins"].load(tmp_path, Trial())
    message = str(caught.value)
    assert str(tmp_path / "TUDataset" / "PROTEINS") in message
    assert "3 MB" in message
    assert "mixup-multi data fetch proteins" in message
    with pytest.raises(DataError, match="data fetch tudataset --set table=ENZYMES"):
        DATASETS["tudataset"].load(tmp_path, Trial(), table="ENZYMES")


def test_data_root_is_left_as_it_was(tmp_path: Path, real_graphs: Path) -> None:
    source = real_graphs / "TUDataset" / "MUTAG" / "raw"
    shutil.copytree(source, tmp_path / "TUDataset" / "MUTAG" / "raw")
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    DATASETS["mutag"].load(tmp_path, Trial())
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_second_reading_is_from_the_cache(
    write_tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_tiny(graph_labels=lambda lines: ["5", "6", "5", "6"])
    first = read_table(root, "TINY")
    prepared = Path(os.environ["MIXUP_MULTI_CACHE"]) / "graphs" / f"TINY-{first.key}.pt"
    prepared.write_bytes(b"torn")
    assert read_table(root, "TINY").key == first.key  # an unreadable file is made again
    monkeypatch.setattr(tables, "read_tu", None)
    second = read_table(root, "TINY")
    assert torch.equal(second.edges, first.edges)
    assert second.classes == first.classes == ("5", "6")
    changed = write_tiny(graph_labels=lambda lines: ["5", "6", "6", "6"])
    with pytest.raises(TypeError):  # other content, other key: the reader is wanted again
        read_table(changed, "TINY")


def test_fetch_leaves_raw_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(root: str, name: str) -> None:
        for part in ("raw", "processed"):
            (Path(root) / name / part).mkdir(parents=True)
        (Path(root) / name / "raw" / "file").write_text("1")

    monkeypatch.setattr("torch_geometric.datasets.TUDataset", download)
    DATASETS["mutag"].fetch(tmp_path)
    monkeypatch.setattr("torch_geometric.datasets.TUDataset", None)
    DATASETS["mutag"].fetch(tmp_path)  # what is there is not fetched again
    folder = tmp_path / "TUDataset"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "MUTAG",
        "MUTAG/raw",
        "MUTAG/raw/file",
    ]


def test_failed_fetch_is_explained_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(root: str, name: str) -> None:
        (Path(root) / name / "raw").mkdir(parents=True)
        raise ConnectionError("no route to host")

    monkeypatch.setattr("torch_geometric.datasets.TUDataset", download)
    with pytest.raises(DataError, match=r"MUTAG: cannot be downloaded .* no route to host"):
        fetch_table(tmp_path, "MUTAG")
    assert not list(tmp_path.rglob("raw"))


def test_every_known_table_has_a_fetch_and_a_size() -> None:
    for name in TABLES:
        assert DATASETS[name].fetch is not None
        assert DATASETS[name].size.endswith("MB")
