"""The whole report as data: remarks, and for each table its sheets, figures and downloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi.report.analyses import analysis_pictures, analysis_sheet
from mixup_multi.report.collect import collect
from mixup_multi.report.conditions import (
    columns_sheet,
    cost_sheet,
    environment_sheet,
    made_with,
    settings_sheet,
)
from mixup_multi.report.differences import across_sheet, paired_sheet
from mixup_multi.report.evaluations import evaluation_sheet
from mixup_multi.report.group import Group, groups
from mixup_multi.report.layout import METHODS
from mixup_multi.report.pictures import Picture, rank_picture, row_pictures
from mixup_multi.report.power import power_sheet
from mixup_multi.report.recipes import Story, stories
from mixup_multi.report.remark import Remark
from mixup_multi.report.remarks import remarks
from mixup_multi.report.results import (
    detail_sheet,
    error_sheet,
    reproduction_sheet,
    result_records,
)
from mixup_multi.report.search import search_sheet
from mixup_multi.report.sheet import Sheet


@dataclass(frozen=True)
class Section:
    """What the report says of one group of cells.

    Attributes:
        title: of the section.
        sheets: its tables, in order.
        ranks: the critical-difference diagram, if columns could be ranked.
        pictures: for each row of the table, its figures.
        records: lines of report.csv.
    """

    title: str
    sheets: tuple[Sheet, ...]
    ranks: Picture | None
    pictures: tuple[tuple[str, tuple[Picture, ...]], ...]
    records: tuple[Mapping[str, Any], ...]

    def sheet(self, ending: str) -> Sheet | None:
        """Return the sheet whose name ends so."""
        return next((s for s in self.sheets if s.name.endswith(f"-{ending}")), None)


@dataclass(frozen=True)
class Report:
    """Everything that is printed, whatever the format.

    Attributes:
        title: the folder's name.
        recipes: what was asked for.
        made_with: versions and machines, a line each.
        remarks: what to know before any number.
        sections: a group of tables and figures each.
        environments: `made_with` as a table.
        analyses: the figures of analyses.
        analysis_numbers: the table beside them; None where there is none.
    """

    title: str
    recipes: tuple[Story, ...]
    made_with: tuple[str, ...]
    remarks: tuple[Remark, ...]
    sections: tuple[Section, ...]
    environments: Sheet
    analyses: tuple[Picture, ...] = ()
    analysis_numbers: Sheet | None = None


def build_report(out: Path, *, paper: bool, pictures: bool = True) -> Report:
    """Read an output folder and work out its report.

    `paper` puts the published values beside ours; without `pictures` no figure is drawn.

    Raises:
        OutputError: `out` is no output folder.
    """
    collected = collect(out)
    found = groups(collected.finished)
    return Report(
        title=out.resolve().name,
        recipes=tuple(stories(collected)),
        made_with=made_with(collected.finished),
        remarks=tuple(remarks(collected, found, paper=paper)),
        sections=tuple(_section(group, paper=paper, pictures=pictures) for group in found),
        environments=environment_sheet(collected.finished),
        analyses=tuple(analysis_pictures(collected, out / "report")),
        analysis_numbers=analysis_sheet(collected),
    )


def _section(group: Group, *, paper: bool, pictures: bool) -> Section:
    sheets = [
        error_sheet(group),
        reproduction_sheet(group) if paper else None,
        paired_sheet(group),
        across_sheet(group),
        power_sheet(group) if paper else None,
        evaluation_sheet(group),
        detail_sheet(group),
        cost_sheet(group),
        search_sheet(group),
        settings_sheet(group),
        columns_sheet(group),
    ]
    title = f"Data sets of {group.paper}" if group.paper else "Results without a published table"
    if group.layout is not METHODS:
        title += f", by {group.layout.one}"
    return Section(
        title=title,
        sheets=tuple(sheet for sheet in sheets if sheet is not None),
        ranks=rank_picture(group) if pictures else None,
        pictures=tuple(
            (" / ".join(row), tuple(row_pictures(group, row, f"{group.name}-{number}")))
            for number, row in enumerate(group.rows, 1)
            if pictures
        ),
        records=tuple(result_records(group, paper=paper)),
    )
