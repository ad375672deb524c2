"""Runs whose absolute figures can be held against each other: judged on the same rows in the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from atc.config.leaves import leaves
from atc.errors import AtcError
from atc.opened_run import OpenedRun
from atc.report.candidates import Candidate
from atc.report.claims import Claim
from atc.report.page import counted

JUDGED_ALIKE = ("window", "sampling", "label", "protocol")
"""Parts of a config that, with the digest of the data, the length of windows, the number of judged rows and
the figure, have to be the same.
"""
_KEYS_TOLD = 3
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
    same: dict[str, list[str]] = {}
    for key, (group, _) in found.items():
        same.setdefault(group.told, []).append(key)
    return {
        key: (
            replace(group, told=f"{group.told}, {_further(key, alike)}") if len(alike) > 1 else group,
            claims,
        )
        for key, (group, claims) in found.items()
        for alike in [same[group.told]]
    }


def group_key(run: OpenedRun, config: Mapping[str, Any], claim: Claim) -> str:
    """Equal for runs of one group."""
    parts = {part: _meaning(config.get(part)) for part in JUDGED_ALIKE}
    rows = run.metrics.get(f"{claim.split}/rows{claim.head}", run.metrics.get(f"{claim.split}/rows"))
    data = str(run.manifest["data_digest"])
    key = [claim.split, claim.name, data, _window_rows(run), rows, parts]
    return json.dumps(key, sort_keys=True, default=str)


def _window_rows(run: OpenedRun) -> int | str:
    """Rows before which no window of its models is whole, so that they are judged by nobody: as its file has
    them, which records of other versions have too.
    """
    from atc.tasks.windowed_rows import window_rows

    baseline = run.raw_config.get("baseline")
    models = [run.raw_config.get("model"), baseline.get("model") if isinstance(baseline, Mapping) else None]
    told = [one for one in models if isinstance(one, Mapping)]
    if all(one.get("kind") != "ensemble" for one in told):
        return max((int(one.get("sequence_length", 1)) for one in told), default=1)
    try:
        return window_rows(run.config)
    except AtcError:  # its members are not there any more: of none is it known
        return run.run_id


def _further(key: str, alike: Sequence[str]) -> str:
    """What tells a group apart from those that are told `alike`."""
    _, _, data, length, rows, parts = json.loads(key)
    windows = (
        f"windows of {counted(length, 'row')}" if isinstance(length, int) else "windows of unknown members"
    )
    many = "unknown rows" if rows is None else counted(rows, "row")
    own = dict(leaves(parts))
    others = [dict(leaves(json.loads(one)[-1])) for one in alike]
    keys = [name for name in own if any(other.get(name) != own[name] for other in others)]
    told = [f"{name} {json.dumps(own[name])}" for name in keys[:_KEYS_TOLD]]
    if len(keys) > _KEYS_TOLD:
        told.append(counted(len(keys) - _KEYS_TOLD, "more key"))
    return ", ".join([f"data {data[:12]}", windows, f"{many} judged", *told])


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
