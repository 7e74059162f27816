"""What the modules of the frameworks have in common: they load when asked, and say what lacks."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = {
    "lightning": ("lightning", "pytorch_lightning"),
    "huggingface": ("transformers",),
    "skorch": ("skorch",),
}


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_integrations_load_no_framework() -> None:
    packages = {name for names in MODULES.values() for name in names}
    code = f"import sys, mixup_multi.integrations; print({packages!r} & set(sys.modules))"
    assert _python(code).stdout.strip() == "set()"


@pytest.mark.parametrize("module", MODULES)
def test_a_package_that_lacks_is_named_with_the_way_to_install_it(module: str) -> None:
    lacking = "; ".join(f"sys.modules[{name!r}] = None" for name in MODULES[module])
    code = f"import sys; {lacking}; import mixup_multi.integrations.{module}"
    said = _python(code).stderr
    assert "SettingError" in said
    assert f"pip install 'mixup-multi[{module}]'" in said
