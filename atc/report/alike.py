"""Runs whose absolute figures can be held against each other: judged on the same rows in the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atc.opened_run import OpenedRun
from atc.report.candidates import Candidate
from atc.report.claims import Claim

JUDGED_ALIKE = ("window", "sampling", "label", "protocol")
"""Parts of a config that, with the digest of the data and the figure, have to be the same."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Group:
    """Such runs."""

    letter: str
    told: str
    """What they have in common, in a few words."""


def groups_of(claimed: Sequence[tuple[Candidate, Claim]]) -> dict[str, tuple[Group, list[Claim]]]:
    """The groups and their claims by `group_key`, lettered in the order of their first runs."""
    found: dict[str, tuple[Group, list[Claim]]] = {}
    for one, claim in claimed:
        assert one.run is not None
        key = group_key(one.run, one.config, claim)
        if key not in found:
            number = len(found)
            letter = _LETTERS[number] if number < len(_LETTERS) else f"G{number + 1}"
            found[key] = (Group(letter, _told(one, claim)), [])
        found[key][1].append(claim)
    return found


def group_key(run: OpenedRun, config: Mapping[str, Any], claim: Claim) -> str:
    """Equal for runs of one group."""
    parts = {part: _meaning(config.get(part)) for part in JUDGED_ALIKE}
    key = [claim.split, claim.name, run.manifest["data_digest"], parts]
    return json.dumps(key, sort_keys=True, default=str)


def _meaning(part: object) -> object:
    """Without names, and without whether the holdout is open, which the split says."""
    if not isinstance(part, Mapping):
        return part
    return {key: value for key, value in part.items() if key not in ("name", "sealed")}


def _told(one: Candidate, claim: Claim) -> str:
    words = []
    for part in ("data", *JUDGED_ALIKE):
        content = one.config.get(part)
        known = content if isinstance(content, Mapping) else {}
        words.append(str(known.get("name" if part == "data" else "kind", "")))
    data, window, sampling, label, protocol = words
    split = " on validation" if claim.split == "valid" else ""
    return f"{claim.name}{split} of {label}, a row a {sampling}, on {data} ({window}), {protocol}"
