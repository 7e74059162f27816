"""Where this machine keeps things, by its environment; nothing is made, and nothing imported."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the cache: `MIXUP_MULTI_CACHE`, else `~/.cache/mixup-multi`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("MIXUP_MULTI_CACHE") or Path(home) / "mixup-multi")
