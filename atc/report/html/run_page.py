"""The report of one run."""

from __future__ import annotations

from atc.installed import installed_version
from atc.opened_run import OpenedRun
from atc.report.html.content import Page
from atc.report.html.record import Record
from atc.report.html.sections.config import config_section, origin_of, provenance_section
from atc.report.html.sections.drift import drift_section
from atc.report.html.sections.groups import groups_section
from atc.report.html.sections.inputs import inputs_section
from atc.report.html.sections.money import money_section
from atc.report.html.sections.orders import orders_section
from atc.report.html.sections.ranking import ranking_section
from atc.report.html.sections.sensitivity import sensitivity_section
from atc.report.html.sections.summary import summary_section
from atc.report.oracle_lines import oracle_lines


def run_page(run: OpenedRun) -> Page:
    """The page of a finished run. Raises DataError where a file of the record is damaged."""
    record = Record(run)
    known = oracle_lines(record.folder, record.shown, record.config)
    origin = origin_of(record)
    sections = [
        summary_section(record, known),
        money_section(record),
        ranking_section(record, known),
        groups_section(record),
        inputs_section(record),
        drift_section(record),
        sensitivity_section(record),
        orders_section(record),
        config_section(record, origin),
        provenance_section(record, origin),
    ]
    data, finished = (
        record.part("data").get("name"),
        str(record.manifest.get("finished_at"))[:16].replace("T", " "),
    )
    return Page(
        title=record.folder.name,
        subtitle=f"A run on {data}, finished {finished} UTC; figures of {record.judged_by}.",
        sections=sections,
        made_by=f"ATC {installed_version('atc')}",
    )
