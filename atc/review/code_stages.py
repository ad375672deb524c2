"""Which cached results go through code that differs.

The files of a cache are named by the code that made them, too. What is surely in such a name stands under
`_SURE`; what may be, as only a build of that Rust or a run of that Python could tell, under `_MAYBE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from atc.config.schema import RunConfig
from atc.review.code import CodeDifference
from atc.review.keys import EVENTS, FEATURES, LABELS, QUALITY, SHARED, TRUTH, columns_of

UNKNOWN_CODE = "unknown: code differs"
_FAMILIES = "rust/atc-featuregen/src/families/"
_LOCKED = "rust/Cargo.lock"
_WAY_IN = ("atc/events/reader.py", "atc/events/parts.py", "atc/features/compute.py")
_SURE: Mapping[str, tuple[str, ...]] = {
    EVENTS: ("rust/atc-sim/src/", "rust/atc-py/src/sim.rs", _LOCKED),
    QUALITY: (
        *("rust/atc-quality/src/", "rust/atc-py/src/quality.rs", _LOCKED),
        *("atc/events/quality/", "atc/events/reader.py", "atc/events/validate.py"),
    ),
    FEATURES: _WAY_IN,
    LABELS: _WAY_IN,
    TRUTH: ("rust/atc-sim/src/", "rust/atc-py/src/oracle.rs", _LOCKED),
}
"""Files, and folders with a slash at their end."""
_OF_ROWS = (
    *("atc/features/", "rust/atc-featuregen/src/", "rust/atc-py/src/tables.rs", "rust/atc-py/src/rows.rs"),
    _LOCKED,
)
_OF_DAYS = ("atc/events/catalog.py", "atc/events/instrument.py", "atc/events/business_day.py")
_MAYBE: Mapping[str, tuple[str, ...]] = {
    EVENTS: ("atc/events/simulate.py",),
    QUALITY: _OF_DAYS,
    FEATURES: (*_OF_ROWS, *_OF_DAYS),
    LABELS: (*_OF_ROWS, *_OF_DAYS, "atc/labels/"),
    TRUTH: ("atc/events/futures.py", "atc/events/simulate.py"),
}
_NO_EVENT = "rust/atc-sim/src/oracle.rs"
"""It reads the market and makes none of its events."""


def stages_of_code(code: CodeDifference | None, config: RunConfig) -> dict[str, str]:
    """By cached stage of a run of `config` whose code differs, why it is made anew."""
    if code is None:
        return {}
    if code.files is None:
        return dict.fromkeys((*SHARED, TRUTH), UNKNOWN_CODE)
    found = {stage: why for stage in (*SHARED, TRUTH) if (why := _why(stage, code, config))}
    if config.data.kind != "simulated":
        found.pop(EVENTS, None)  # what has been ingested stays
    elif EVENTS in found:
        # They lie under another name, so whatever is made of them does.
        return dict.fromkeys((*SHARED, TRUTH), found[EVENTS])
    return found


def _why(stage: str, code: CodeDifference, config: RunConfig) -> str:
    """Empty: nothing that differs is in the names of its files."""
    touching = list(_touching(stage, code, config))
    sure = [file for file in touching if _under(file, _SURE[stage])]
    if sure:
        return f"code differs: {sure[0]}"
    return UNKNOWN_CODE if any(_under(file, _MAYBE[stage]) for file in touching) else ""


def _touching(stage: str, code: CodeDifference, config: RunConfig) -> Iterable[str]:
    """The files that differ, without those that surely do not touch `stage`."""
    for file in code.files or ():
        # Of quality each byte counts.
        worded = file in code.worded and stage != QUALITY
        silent = stage == EVENTS and file == _NO_EVENT
        if not (worded or silent or _of_another_family(file, stage, config)):
            yield file


def _of_another_family(file: str, stage: str, config: RunConfig) -> bool:
    """Whether it makes columns of a schema that the run does not read; labels need the rows of the first."""
    from atc.features.declarations import schemas, schemas_of

    if not file.startswith(_FAMILIES):
        return False
    read = schemas()[:1] if stage == LABELS else schemas_of(columns_of(config)) or schemas()[:1]
    return file not in {f"{_FAMILIES}{schema.name}.rs" for schema in read}


def _under(file: str, places: Iterable[str]) -> bool:
    return any(file == place or (place.endswith("/") and file.startswith(place)) for place in places)
