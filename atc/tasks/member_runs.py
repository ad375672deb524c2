"""The finished runs that an ensemble is made of: which they are, and why one cannot be a member."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.config.ensemble import Ensemble
from atc.config.root import project_root
from atc.config.schema import RunConfig
from atc.errors import DataError, UsageError, nearest
from atc.opened_run import OpenedRun, open_run
from atc.tracking.run_files import FINISHED, MANIFEST, MODEL, read_manifest

if TYPE_CHECKING:
    from atc.tasks.market_data import MarketData

_LEAST_ID = 6
"""Digits of a run id that name it, and tell it from one of the same name."""


@dataclass(frozen=True)
class MemberRun:
    """A finished run whose model is a member."""

    run: OpenedRun
    weight: float
    model_manifest: Mapping[str, Any]
    name: str
    """Of its folder, which becomes the name of its folder in the ensemble; with the beginning of its run id
    where an earlier member has that name."""

    @property
    def features(self) -> tuple[str, ...]:
        """The inputs of its model, in order."""
        return tuple(self.model_manifest["features"])

    def identity(self) -> dict[str, object]:
        """What the ensemble's run id knows of it: the same fit made again is the same member."""
        return {
            "run_id": self.run.run_id,
            "files": self.model_manifest["files"],
            "weight": self.weight,
        }


def member_runs(config: RunConfig, market: MarketData | None = None) -> tuple[MemberRun, ...]:
    """The members in the order of `model.runs`; with `market` also judged by the data that they were fitted
    on, as `prepare` of the run's market does before anything else asks for them.

    Raises UsageError that names the run and says why it is none, or why the name is not clear.
    """
    assert isinstance(config.model, Ensemble)
    found: list[MemberRun] = []
    for number, (text, weight) in enumerate(zip(config.model.runs, config.model.shares, strict=True)):
        key = f"model.runs.{number}={text}"
        member = _chosen(config, key, text, weight, market)
        twin = next((one for one in found if one.run.run_id == member.run.run_id), None)
        if twin is not None:
            raise UsageError(f"{key}: that is {member.name}, which is a member already; name each run once")
        if found and found[0].model_manifest["scores"] != member.model_manifest["scores"]:
            raise UsageError(
                f"{key}: {member.name} has the scores {', '.join(member.model_manifest['scores'])}, "
                f"{found[0].name} has {', '.join(found[0].model_manifest['scores'])}: they cannot be averaged"
            )
        if any(one.name == member.name for one in found):
            member = replace(member, name=f"{member.name}-{member.run.run_id[:_LEAST_ID]}")
        found.append(member)
    return tuple(found)


def members_digest(members: Sequence[MemberRun]) -> str:
    """Of the members, their models and weights; empty for a run that has none."""
    told = [member.identity() for member in members]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() if told else ""


def with_members(config: RunConfig, members: Sequence[MemberRun]) -> RunConfig:
    """`config` with each member named by its folder: which run of an experiment fits takes the data to say,
    and is asked once.
    """
    folders = tuple(str(one.run.folder.absolute()) for one in members)
    return config.model_copy(update={"model": config.model.model_copy(update={"runs": folders})})


def member_columns(config: RunConfig) -> tuple[str, ...]:
    """The inputs of all members, in declared order."""
    from atc.features.declarations import known_columns

    wanted = {name for member in member_runs(config) for name in member.features}
    return tuple(name for name in known_columns() if name in wanted)


def _chosen(config: RunConfig, key: str, text: str, weight: float, market: MarketData | None) -> MemberRun:
    """The run that `text` names; of several of one experiment the only one that can be a member."""
    folders = _folders(config, text)
    if not folders:
        runs = config.paths.outputs_dir / "runs"
        names = [path.parent.name for path in runs.glob(f"*/{MANIFEST}")]
        raise UsageError(
            f"{key}: no run of that folder, name, id or experiment, relative to {runs}; "
            f"{nearest(text, names)}"
        )
    fit: list[MemberRun] = []
    refused: list[str] = []
    for folder in folders:
        member, why = _judged(config, folder, weight, market)
        if member is not None and not why:
            fit.append(member)
        else:
            refused.append(f"{folder.name} {'; '.join(why)}")
    if len(fit) == 1:
        return fit[0]
    if fit:
        told = ", ".join(member.name for member in fit)
        raise UsageError(f"{key}: {len(fit)} finished runs fit ({told}): name one of them")
    raise UsageError(f"{key} cannot be a member: {' | '.join(refused)}")


def _folders(config: RunConfig, text: str) -> list[Path]:
    """Folders that `text` may mean: one that it names, else those of an experiment, finished ones if any."""
    runs = config.paths.outputs_dir / "runs"
    for folder in (project_root().resolve(text), runs / text):
        if (folder / MANIFEST).is_file():
            return [folder]
    manifests = {path.parent: read_manifest(path.parent) or {} for path in sorted(runs.glob(f"*/{MANIFEST}"))}
    if len(text) >= _LEAST_ID:
        by_id = [folder for folder, told in manifests.items() if str(told.get("run_id")).startswith(text)]
        if by_id:
            return by_id
    of_name = {folder: told for folder, told in manifests.items() if folder.name.rpartition("-")[0] == text}
    finished = [folder for folder, told in of_name.items() if told.get("status") == FINISHED]
    return finished or list(of_name)


def _judged(
    config: RunConfig, folder: Path, weight: float, market: MarketData | None
) -> tuple[MemberRun | None, list[str]]:
    """The run of `folder` as a member, and why it cannot be one."""
    from atc.models.manifest import read_manifest as read_model_manifest

    try:
        run = open_run(folder)
        member = MemberRun(run, weight, read_model_manifest(folder / MODEL), run.folder.name)
        own = run.config
    except DataError as error:
        return None, [str(error)]
    why = [*_another_question(config, own), *_not_to_be_used(run, member)]
    # What the data say is asked where the questions are the same.
    if not why and market is not None:
        why += _other_rows(config, market, run, own)
    return member, why


def _another_question(config: RunConfig, own: RunConfig) -> Iterator[str]:
    """Keys of label, sampling and formulas in which the run differs."""
    for key, mine, its in (
        ("label", config.label, own.label),
        ("sampling", config.sampling, own.sampling),
        ("features.engine", config.features.engine, own.features.engine),
    ):
        here, there = mine.model_dump(mode="json"), its.model_dump(mode="json")
        if here.get("kind") != there.get("kind"):
            yield f"has {key}.kind={there.get('kind')}, this run {here.get('kind')}"
            continue
        for name in here:
            if here[name] != there[name]:
                yield f"has {key}.{name}={there[name]}, this run {here[name]}"


def _not_to_be_used(run: OpenedRun, member: MemberRun) -> Iterator[str]:
    """What makes a finished run no member of anything."""
    from atc.features.declarations import feature_schema, known_columns

    if run.config.model.kind == "ensemble":
        yield "is an ensemble itself: name its members instead"
    if run.config.protocol.kind == "random_split":
        yield "has protocol.kind=random_split, a control and no result"
    if run.metrics.get("gate/verdict") == 0:
        yield "was rejected by its gate (gate/verdict is 0)"
    known = set(known_columns())
    unknown = [name for name in member.features if name not in known]
    if unknown:
        yield f"has inputs that this version does not know: {', '.join(unknown)}"
        return
    now, then = feature_schema(member.features), member.model_manifest["feature_schema"]
    if now != then:
        yield f"was fitted on {then}, these features are {now}: columns of one name may mean something else"


def _other_rows(config: RunConfig, market: MarketData, run: OpenedRun, own: RunConfig) -> Iterator[str]:
    """In what the events or the times of training and validation of the run differ from this run's."""
    from atc.protocol.sealed_holdout import valid_start_of
    from atc.tasks.market_data import MarketData

    theirs = MarketData(own.model_copy(update={"paths": config.paths}))
    for name in ("venue", "symbol"):
        if getattr(theirs.facts, name) != getattr(market.facts, name):
            yield (
                f"is of {name} {getattr(theirs.facts, name)}, this run of {getattr(market.facts, name)}: "
                "other data"
            )
            return
    theirs.catalog = market.catalog
    train, fitted = market.spans.train, theirs.spans.train
    if fitted[1] != train[1]:
        reach = "reaches into this run's holdout or beyond" if fitted[1] > train[1] else "ends earlier"
        yield f"has a train window that {reach}: to {_utc(fitted[1])}, this run's to {_utc(train[1])}"
        return
    starts = [
        valid_start_of(span, one.protocol.valid_fraction) for span, one in ((fitted, own), (train, config))
    ]
    if starts[0] != starts[1]:
        yield (
            f"was fitted on rows up to {_utc(starts[0])} and selected on those after, this run's validation "
            f"begins at {_utc(starts[1])}: window.train_… or protocol.valid_fraction differ"
        )
        return
    digest = theirs.read_digest()
    if digest != run.manifest["data_digest"]:
        yield (
            f"was fitted on other events (data digest {str(run.manifest['data_digest'])[:12]}…; what lies "
            f"there now has {digest[:12]}…): run it again"
        )


def _utc(instant_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(instant_ns // 1_000_000_000, UTC).isoformat(timespec="seconds")
