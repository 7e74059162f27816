"""The report as one HTML file that needs no network: styles, script, figures and data inside."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mixup_multi.report.build import Report
from mixup_multi.report.sheet import records_csv

if TYPE_CHECKING:
    from jinja2 import Environment


def _part(name: str) -> str:
    return files("mixup_multi.report").joinpath("template", name).read_text("utf-8")


def data_uri(csv: str) -> str:
    """Return CSV as a link that holds it."""
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(csv.encode()).decode()}"


def _hash(text: str) -> str:
    """Return what a content security policy names a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def page(report: Report) -> str:
    """Return the page. Everything but our own style, script and figures is escaped.

    Its content security policy allows no network and no script but its own.
    """
    from markupsafe import Markup

    script, style = _part("page.js"), _part("page.css")
    records = [record for section in report.sections for record in section.records]
    content: dict[str, Any] = {
        "report": report,
        "problems": [remark for remark in report.remarks if remark.kind == "problem"],
        "script": Markup(script),
        "style": Markup(style),
        "script_hash": _hash(script),
        "results": data_uri(records_csv(records)),
    }
    return _environment().get_template("page.html").render(content)


def _environment() -> Environment:
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=DictLoader({"page.html": _part("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["inline"] = Markup  # figures: matplotlib escapes their text itself
    return environment
