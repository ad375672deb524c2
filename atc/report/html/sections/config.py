"""The config, with what differs from the experiment's file and from the baseline, and how to make the run
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atc.config.diff import differences, load
from atc.config.leaves import leaves
from atc.errors import AtcError
from atc.report.html.content import Block, Cell, Code, Column, DataTable, Section, Words, from_rich
from atc.report.html.record import Record
from atc.report.summary import file_sentences, stages_table

_OWN, _BASELINE, _BOTH = "experiment's file", "baseline", "both"
_ABSENT = "—"
MOST_OVERRIDES = 24
"""Of a command that people can still read."""


@dataclass(frozen=True)
class Origin:
    """What the run's experiment says by itself on the run's data."""

    words: tuple[str, ...]
    """The overrides that name it."""
    config: Mapping[str, Any] | None
    """None where this checkout has no such experiment any more."""
    why: str = ""


def origin_of(record: Record) -> Origin:
    """The experiment of the run's name as this checkout has it."""
    name, data = record.config.get("name"), record.part("data").get("name")
    words = (f"+experiment={name}", f"data={data}")
    try:
        return Origin(words, load(f"{name} data={data}"))
    except AtcError as error:
        return Origin(words, None, str(error).splitlines()[0])


def config_section(record: Record, origin: Origin) -> Section:
    """Every key, the differing ones marked."""
    own = {} if origin.config is None else _there(origin.config, record.config)
    baseline = record.part("baseline")
    whole = record.config
    model = {name: whole.get(name) for name in ("features", "model")}
    beside = _there({name: baseline.get(name) for name in model}, model) if baseline else {}
    rows = []
    for key, value in leaves(record.config):
        marks = [_OWN] * (key in own) + [_BASELINE] * (key in beside)
        where = _BOTH if len(marks) == 2 else marks[0] if marks else "none"
        others = [other[key] for other in (own, beside) if key in other]
        rows.append(
            [
                Cell(key, look="marked" if marks else ""),
                Cell(_text(value), look="wrap marked" if marks else "wrap"),
                Cell(where),
                Cell(others[0] if others else "", look="wrap"),
            ]
        )
    known = {row[0].said for row in rows}
    for key, there in (*own.items(), *beside.items()):
        if key not in known:
            known.add(key)
            where = _OWN if key in own else _BASELINE
            rows.append(
                [
                    Cell(key, look="marked"),
                    Cell(_ABSENT, look="marked"),
                    Cell(where),
                    Cell(there, look="wrap"),
                ]
            )
    # What differs comes first; the rest keeps the order of the file.
    rows.sort(key=lambda row: row[2].said == "none")
    columns = [Column("key"), Column("this run"), Column("differs from", chosen=True), Column("there")]
    blocks: list[Block] = []
    if origin.config is None:
        blocks.append(Words("", [f"Not compared with the experiment's file: {origin.why}"]))
    changed = sum(row[2].said != "none" for row in rows)
    blocks.append(
        DataTable(
            "config-keys",
            f"Config: {changed} of {len(rows)} keys differ",
            columns,
            rows,
            words=(
                "Marked and first: what the command changed in the experiment's file, and what tells the "
                "model and its inputs from the baseline's. Paths, tracking and runtime are no part of what "
                "a run means and are never marked."
            ),
        )
    )
    return Section("config", "Config", blocks)


def provenance_section(record: Record, origin: Origin) -> Section:
    """What the run was made of and by, what it cost, and the command that makes it again."""
    manifest = record.manifest
    git = manifest.get("git")
    state = git if isinstance(git, dict) else {}
    commit = state.get("commit")
    dirty = ", with changes that are not committed" if state.get("dirty") else ""
    facts = [
        ("run id", str(manifest.get("run_id", ""))),
        ("config digest", str(manifest.get("config_digest", ""))),
        ("data digest", str(manifest.get("data_digest", ""))),
        ("feature schema", str(manifest.get("feature_schema", ""))),
        ("label schema", str(manifest.get("label_schema", ""))),
        ("code digest", str(manifest.get("code_digest", ""))),
        ("git", f"{commit}{dirty}" if commit else "not in a repository"),
        (
            "made",
            f"{manifest.get('created_at')} … {manifest.get('finished_at')}, attempt "
            f"{manifest.get('attempt')}",
        ),
        ("folder", record.shown),
    ]
    blocks: list[Block] = [
        Code("To make it again", reproduce(record, origin)),
        DataTable(
            "identity",
            "What the run is made of",
            [Column("part"), Column("value")],
            [[Cell(name), Cell(value, look="wrap")] for name, value in facts],
            words=(
                "The same config on the same data with the same code is the same run id, and nothing else is."
            ),
            fixed=True,
        ),
    ]
    stages = stages_table(manifest)
    if stages.row_count:
        blocks.append(from_rich(stages, "stages", "What each stage took"))
    versions = manifest.get("versions")
    if isinstance(versions, dict):
        rows = [[Cell(str(name)), Cell(str(version))] for name, version in versions.items()]
        blocks.append(
            DataTable("versions", "Versions", [Column("package"), Column("version")], rows, fixed=True)
        )
    blocks.append(Words("Files", list(file_sentences(record.folder, manifest))))
    return Section("provenance", "Provenance", blocks)


def reproduce(record: Record, origin: Origin) -> str:
    """Commands, a line each."""
    git = record.manifest.get("git")
    state = git if isinstance(git, dict) else {}
    lines = [f"git checkout {state['commit']}"] if state.get("commit") else []
    if lines and state.get("dirty"):
        lines.append("# changes were not committed: without them this may be other code, and another run")
    found = None if origin.config is None else _overrides(origin.config, record.config)
    if found is None:
        lines.append(f"# the config is {record.shown}/config.yaml; its keys by meaning:")
        lines.append(f"atc config show {record.shown}")
    else:
        lines.append(" ".join(["python -m atc.run", *origin.words, *found]))
    return "\n".join([*lines, f"atc report {record.shown}"])


def _overrides(origin: Mapping[str, Any], config: Mapping[str, Any]) -> list[str] | None:
    """`key=value` for each key that differs; None where that is not enough to say it."""
    there, here = dict(leaves(origin)), dict(leaves(config))
    keys = [one.key for one in differences(origin, config)]
    if len(keys) > MOST_OVERRIDES or any(key not in there or key not in here for key in keys):
        return None
    return [
        f"'{key}={_text(here[key])}'" if _quoted(_text(here[key])) else f"{key}={_text(here[key])}"
        for key in keys
    ]


def _quoted(said: str) -> bool:
    return not all(letter.isalnum() or letter in "._-+:/" for letter in said)


def _there(other: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """By key that differs what `other` says."""
    values = dict(leaves(other))
    keys = [one.key for one in differences(other, config)]
    return {key: _text(values[key]) if key in values else _ABSENT for key in keys}


def _text(value: object) -> str:
    """As YAML writes it in one line, without the quotes that no one needs."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_text(one)}" for key, one in value.items()) + "}"
    return str(value)
