"""How the documentation is built: `sphinx-build -W --keep-going -b html docs docs/_build/html`."""

from __future__ import annotations

import sys
from pathlib import Path

from mixup_multi import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mixup-multi"
author = "The mixup-multi developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_nb",  # Markdown and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "generated",  # docs/_ext: pages made of the installed package
]
exclude_patterns = ["_build", "examples", "**/.ipynb_checkpoints"]
html_static_path = ["_static"]
html_css_files = ["mixup.css"]
default_role = "literal"  # `name` in a docstring is code, as it is in the terminal

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True

autoclass_content = "class"  # what a constructor takes stands in the class's docstring
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 110
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields of dataclasses are listed once
napoleon_custom_sections = [("Settings", "params_style")]

html_theme = "furo"
html_title = f"mixup-multi {release}"
html_logo = html_favicon = "_static/logo.svg"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1f5f8b",
        "color-brand-content": "#1f5f8b",
        "color-brand-visited": "#6a4c93",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc4f0",
        "color-brand-content": "#7cc4f0",
        "color-brand-visited": "#c3a6e8",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
