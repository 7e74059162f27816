"""A new project's names: what they are, and what may not be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixup_multi.errors import SettingError
from mixup_multi.scaffold.names import Names, names_of


@pytest.mark.parametrize("given", ["ecg-waves", "ecg_waves"])
def test_hyphens_and_underscores_are_the_same(given: str) -> None:
    names = names_of(given)
    assert (names.module, names.project, names.type) == ("ecg_waves", "ecg-waves", "EcgWaves")
    assert names.title == "Ecg waves"


@pytest.mark.parametrize(
    ("given", "better"),
    [
        ("ECG waves", "ecg-waves"),
        ("9lives", "lives"),
        ("ecg--waves", "ecg-waves"),
        ("_ecg", "ecg"),
        ("../ecg", "ecg"),
        ("über-ecg", "ber-ecg"),
        ("", "ecg-beats"),
        ("-", "ecg-beats"),
    ],
)
def test_what_is_no_module_is_refused_with_one_that_is(given: str, better: str) -> None:
    with pytest.raises(SettingError, match="small letters, digits") as refusal:
        names_of(given)
    assert str(refusal.value).rstrip("?'").endswith(better)
    assert names_of(better)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("class", "a word of Python's"),
        ("match", "a word of Python's"),
        ("true", "its class would be called 'True', a word of Python's"),
        ("null", "recipes would read 'null' as None"),
        ("a" * 101, "it has 101 letters; expected at most 100"),
        ("images", "the adapter 'images' is installed"),
        ("manifold-mixup", "the objective 'manifold_mixup' is installed"),
        ("mmd-vae", "the codec 'mmd_vae' is installed"),
        ("json", "Python's own module 'json' would be hidden"),
        ("tests", "its folder tests/ has another use"),
        ("scikit-learn", "a package 'scikit-learn' is installed, which pip would replace"),
        ("sklearn", "a module 'sklearn' is installed, in "),
    ],
)
def test_a_name_in_use_is_refused_with_its_use(given: str, reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        names_of(given)


def test_what_lies_in_this_folder_is_not_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a project that is not installed looks like a package from beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_waves").mkdir()
    assert names_of("some-waves") == Names("some_waves")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(SettingError, match="a module 'some_waves' is installed"):
        names_of("some-waves")
