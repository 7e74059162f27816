"""What a pip user gets: both packages, the recipes, the published tables, typing marks."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    out = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path).namelist()


def test_every_recipe_ships(wheel: list[str]) -> None:
    recipes = {f"mixup_multi/_recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml")}
    assert recipes
    assert recipes <= set(wheel)


def test_every_template_ships(wheel: list[str]) -> None:
    templates = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mixup_multi" / "scaffold" / "templates").rglob("*.template")
    }
    assert any("/adapter/" in name for name in templates)
    assert any("/method/" in name for name in templates)
    assert templates <= set(wheel)


@pytest.mark.parametrize(
    "name",
    [
        "mixup_multi/py.typed",
        "mixup_multi_adapters/py.typed",
        "mixup_multi_adapters/speech/__init__.py",
        "mixup_multi/report/paper/mixupe_tabular.csv",
    ],
)
def test_the_wheel_holds(wheel: list[str], name: str) -> None:
    assert name in wheel


def test_the_wheel_holds_no_tests_and_claims_no_strangers_name(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == {"mixup_multi", "mixup_multi_adapters"}


def test_every_entry_point_loads() -> None:
    from importlib.metadata import entry_points

    for group in ("adapters", "objectives", "blends", "analyses"):
        points = entry_points(group=f"mixup_multi.{group}")
        assert points, group
        for point in points:
            assert callable(point.load())


def test_the_sdist_holds_the_documentations_sources_and_no_builds(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling builds the sdist")
    code = f"from hatchling.build import build_sdist; build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {"docs/conf.py", "docs/index.md", "docs/_ext/generated/__init__.py"}
    assert sources | {"CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md"} <= names
    assert not [name for name in names if "/_build/" in name or name.endswith(".pyc")]
