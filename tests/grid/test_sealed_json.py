"""JSON with a checksum: plain JSON for anybody, and no change of it goes unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mixup_multi.engine.sealed import DamagedError
from mixup_multi.grid.folder.sealed_json import read_json, write_json

CONTENT = {"b": [1, 2.5, None], "a": {"text": "é", "tuple": (1, 2)}, "tiny": 1e-300}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_json(tmp_path / "x.json", CONTENT)
    return tmp_path / "x.json"


def test_it_reads_what_was_written_and_anybody_can(path: Path) -> None:
    expected = json.loads(json.dumps(CONTENT))
    assert read_json(path) == expected
    plain = json.loads(path.read_text())
    assert list(plain)[-1] == "checksum"
    assert {key: plain[key] for key in expected} == expected
    assert read_json(path.with_name("none.json")) is None


def test_every_flipped_bit_and_every_cut_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 16):
            changed = bytearray(whole)
            changed[place] ^= bit
            _refused(path, bytes(changed))
        _refused(path, whole[:place])


def _refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"x\.json is damaged"):
        read_json(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "3", '{"a": 1}'])
def test_what_has_no_checksum_is_damaged(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(DamagedError, match="damaged"):
        read_json(path)
