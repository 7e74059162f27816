"""Who may import whom, and what an import may cost. Both are read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torchvision", "torchaudio", "torch_geometric", "openml", "pandas", "matplotlib", "ray")

BASE = {"errors", "extras", "tree", "batch", "bounds", "streams", "entrance", "points", "parts"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    # What the command line completes from, so without torch.
    "entries": set(),
    "folders": set(),
    "extras": {"errors"},
    "tree": set(),
    "streams": set(),
    "batch": {"tree"},
    "entrance": {"errors"},
    "points": {"entrance", "errors", "tree"},
    "parts": {"points", "tree"},
    "bounds": {"errors"},
    "attacks": BASE | {"attacks"},
    "mix": BASE | {"mix"},
    # Of the objectives it knows the contract only, and of the engine its files.
    "latent": BASE | {"door", "mix", "attacks", "objectives.objective", "engine.sealed", "latent"},
    "objectives": BASE | {"mix", "attacks", "latent", "objectives"},
    "predict": BASE | {"mix", "attacks", "objectives", "predict"},
    "engine": BASE | {"folders", "objectives", "engine"},
    "metrics": {"errors", "batch", "metrics"},
    "evaluations": BASE | {"attacks", "predict", "objectives", "engine", "metrics", "evaluations"},
    "drawing": set(),
    # Analyses name data sets, models and methods as recipes do.
    "analysis": BASE
    | {"mix", "objectives", "engine", "door", "recipe.schema", "drawing", "analysis"},
    "door": {"errors", "entries"},
    "recipe": {"errors", "engine", "door", "recipe"},
    # What lies in an output folder has its home in grid, which knows nothing of reports.
    "report": {"errors", "drawing", "engine.cache", "metrics", "report"}
    | {
        f"grid.{name}"
        for name in ("folder.locks", "folder.store", "protocol", "recipes", "evaluate", "analyses")
    },
    "grid": BASE
    | {"mix", "latent", "objectives", "engine", "evaluations", "analysis", "drawing"}
    | {"door", "recipe", "grid"},
    "sklearn": BASE | {"objectives", "engine", "door", "sklearn"},
    "integrations": BASE | {"mix", "attacks", "objectives", "metrics", "door", "integrations"},
    # It holds every kind of member to its contract, so it sees them all; nothing sees it.
    "testing": BASE
    | {"mix", "attacks", "latent", "objectives", "predict", "engine", "evaluations", "door"}
    | {"testing"},
    "scaffold": {"errors", "door", "scaffold"},
    "cli": {"errors", "entries", "folders", "engine", "door", "recipe", "grid", "report", "cli"}
    | {"scaffold"},
    "__main__": {"cli"},
    # An adapter's own methods (AugMix, of images) come through the stranger's door too.
    "adapter": BASE
    | {"door", "mix", "objectives"}
    | {f"engine.{name}" for name in ("source", "examples", "shift", "shifted", "splits", "cache")},
}


GRID: dict[str, set[str]] = {
    "folder": {"folder"},
    "protocol": {"folder", "protocol"},
    "codecs": {"folder", "codecs"},
    "cells": {"folder", "codecs", "cells"},
    "processes": {"folder", "cells", "processes"},
    "trackers": {"folder", "cells", "state", "trackers"},
}
"""Who may import whom within the grid; what lies beside these may import all of them."""


def _imports(path: Path) -> set[str]:
    """Return the dotted names of this project's modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("mixup_multi", "mixup_multi_adapters")}


def _core_files() -> list[Path]:
    return sorted((ROOT / "mixup_multi").rglob("*.py"))


def _permits(allowed: set[str], name: str) -> bool:
    inside = name.removeprefix("mixup_multi.")
    return any(inside == a or inside.startswith(a + ".") for a in allowed)


@pytest.mark.parametrize("path", _core_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_core_imports_flow_one_way(path: Path) -> None:
    home = path.relative_to(ROOT / "mixup_multi").with_suffix("").parts[0]
    if home == "__init__":
        pytest.skip("the package's own lazy names may come from anywhere")
    for name in _imports(path):
        assert name.startswith("mixup_multi"), f"{path} imports an adapter: {name}"
        modules = name.split(".")[1:2]
        if (
            modules
            and (ROOT / "mixup_multi" / modules[0]).exists()
            | (ROOT / "mixup_multi" / f"{modules[0]}.py").exists()
        ):
            assert _permits(ALLOWED[home], name), f"{home} may not import {name}"


@pytest.mark.parametrize("package", GRID)
def test_imports_within_the_grid_flow_one_way(package: str) -> None:
    files = sorted((ROOT / "mixup_multi" / "grid" / package).glob("*.py"))
    assert len(files) > 1
    for path in files:
        for name in _imports(path):
            if name.startswith("mixup_multi.grid."):
                assert name.split(".")[2] in GRID[package], f"{path} may not import {name}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "adapters").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_an_adapter_imports_only_the_contract_and_itself(path: Path) -> None:
    parts = path.relative_to(ROOT / "adapters" / "mixup_multi_adapters").parts
    for name in _imports(path):
        if name.startswith("mixup_multi_adapters"):
            assert name.split(".")[1] == parts[0], f"{path} imports another adapter: {name}"
        elif name != "mixup_multi.engine":
            assert _permits(ALLOWED["adapter"], name), f"an adapter may not import {name}"


def _modules_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_core_leaves_heavy_packages_alone() -> None:
    loaded = _modules_after("import mixup_multi; mixup_multi.MixupE; mixup_multi.staged")
    assert "torch" in loaded
    assert not loaded & {*HEAVY, "sklearn", "pydantic"}


def test_listing_adapters_leaves_heavy_packages_alone() -> None:
    code = (
        "from mixup_multi import door;"
        "[door.load_adapter(name).datasets for name in door.names(door.ADAPTERS)]"
    )
    assert not _modules_after(code) & set(HEAVY)


def test_help_needs_no_torch() -> None:
    loaded = _modules_after("import mixup_multi.cli.app, mixup_multi.cli.ends, mixup_multi")
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "torch", "pydantic"}


def test_every_public_name_can_be_loaded() -> None:
    import mixup_multi

    for name in mixup_multi.__all__:
        assert getattr(mixup_multi, name).__doc__
