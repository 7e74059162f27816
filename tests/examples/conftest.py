"""One scratch environment for all examples: making it takes seconds."""

from __future__ import annotations

import pytest
from strangers import Scratch


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """An environment that sees what is installed here."""
    return Scratch.make(tmp_path_factory.mktemp("scratch") / "env")
