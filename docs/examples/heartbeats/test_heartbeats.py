"""The adapter keeps the contract, and reads the archive's files."""

import pytest
import torch
from heartbeats import ucr

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError, MissingDataError
from mixup_multi.testing import check_adapter


def test_it_keeps_the_contract():
    """The same checks that mixup-multi's own adapters pass."""
    check_adapter("heartbeats")


def test_the_archives_files_are_read(tmp_path):
    """Labels of any numbers, series after them, published parts."""
    folder = tmp_path / "UCRArchive_2018" / "Mine"
    with pytest.raises(MissingDataError, match="unpack the UCR archive"):
        ucr(tmp_path, Trial(), table="Mine")
    folder.mkdir(parents=True)
    (folder / "Mine_TRAIN.tsv").write_text("-1\t0\t1\t2\n1\t4\t3\t2\n")
    (folder / "Mine_TEST.tsv").write_text("1\t2\t2\t2\n")
    data = ucr(tmp_path, Trial(), table="Mine")
    assert data.classes == ("-1", "1")
    assert data.test.gather(torch.tensor([0])).targets.tolist() == [[0, 1]]
    assert data.train.gather(torch.tensor([0, 1])).inputs.mean().abs() < 1e-6
    (folder / "Mine_TEST.tsv").write_text("1\t2\tx\n")
    with pytest.raises(DataError, match="a label and numbers"):
        ucr(tmp_path, Trial(), table="Mine")
