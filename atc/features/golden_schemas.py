"""The versions of the feature schemas against the code behind them.

A cached file of features is of a schema version and of the digest of its code. The golden file keeps both, so
that a formula cannot change unnoticed: the test that compares it fails until the version is raised too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from atc.errors import UsageError
from atc.features.declarations import schemas

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "feature_schemas.json"

Kept = dict[str, dict[str, object]]


def kept_code() -> Kept:
    """Version and code digest of every schema of this build."""
    return {schema.name: {"version": schema.version, "code": schema.code} for schema in schemas()}


def changed_without_version(
    old: Mapping[str, Mapping[str, object]], new: Mapping[str, Mapping[str, object]]
) -> list[str]:
    """Schemas of `old` and `new` whose code differs under the same version, or whose version fell."""
    return [
        name
        for name in old.keys() & new.keys()
        if old[name] != new[name] and int(str(new[name]["version"])) <= int(str(old[name]["version"]))
    ]


def write_golden(file: Path = GOLDEN, *, same_values: bool = False) -> None:
    """Writes the golden file of this build.

    Raises UsageError where code has changed without its version, unless `same_values`: the caller then says
    that every value stays as it was.
    """
    old: Kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    forgotten = [] if same_values else changed_without_version(old, kept_code())
    if forgotten:
        raise UsageError(
            f"the code behind {', '.join(sorted(forgotten))} has changed and the version has not: raise "
            "`version` in rust/atc-featuregen/src/families/<schema>.rs and build; where every value stays as "
            "it was, add --same-values"
        )
    file.write_text(json.dumps(kept_code(), indent=1) + "\n", encoding="utf-8")
