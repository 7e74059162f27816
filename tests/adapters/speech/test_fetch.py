"""Fetching: through torchaudio, complete or not at all, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torchaudio

from mixup_multi.errors import DataError, OutputError
from mixup_multi_adapters.speech import SpeechAdapter

fetch = SpeechAdapter.datasets["speech_commands_v2"].fetch
PLACE = Path("SpeechCommands/speech_commands_v0.02")


def pretend(monkeypatch: pytest.MonkeyPatch, download: Callable[[Path], None]) -> list[str]:
    """Let `download(folder)` stand in for torchaudio's; return the names it is asked for."""
    asked: list[str] = []

    def speech_commands(root: Path, url: str, download: bool) -> None:
        assert download
        asked.append(url)
        work(Path(root))

    work = download
    monkeypatch.setattr(torchaudio.datasets, "SPEECHCOMMANDS", speech_commands)
    return asked


def unpack(folder: Path) -> None:
    (folder / PLACE / "yes").mkdir(parents=True)


def test_a_release_appears_when_it_is_complete(monkeypatch, tmp_path: Path) -> None:
    asked = pretend(monkeypatch, unpack)
    fetch(tmp_path)
    assert asked == ["speech_commands_v0.02"]
    assert (tmp_path / PLACE / "yes").is_dir()
    assert [p.name for p in (tmp_path / "SpeechCommands").iterdir()] == [PLACE.name]
    fetch(tmp_path)
    assert len(asked) == 1  # it is there


def test_a_failed_unpacking_leaves_no_release_and_can_be_repeated(monkeypatch, tmp_path) -> None:
    def break_off(folder: Path) -> None:
        unpack(folder)
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    pretend(monkeypatch, break_off)
    with pytest.raises(DataError, match=r"the download failed.*remove a damaged one"):
        fetch(tmp_path)
    assert not (tmp_path / PLACE).exists()
    pretend(monkeypatch, unpack)
    fetch(tmp_path)
    assert (tmp_path / PLACE / "yes").is_dir()


def test_without_a_network_the_archive_may_be_put_there_by_hand(monkeypatch, tmp_path) -> None:
    def fail(_: Path) -> None:
        raise URLError("Name or service not known")

    pretend(monkeypatch, fail)
    with pytest.raises(DataError, match=r"speech_commands_v0\.02\.tar\.gz into"):
        fetch(tmp_path)


def test_a_root_that_cannot_be_written_is_named(monkeypatch, tmp_path) -> None:
    pretend(monkeypatch, unpack)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(file)
