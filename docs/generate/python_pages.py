"""`reference/python.md`: what Python programs may lean on, from signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from markdown import code, fenced, page, paragraphs
from schema import words_below

import atc

FURTHER = (
    "atc.opened_run.OpenedRun",
    "atc.features.stream.FeatureRow",
    "atc.models.artifact.load_model",
    "atc.models.artifact.LoadedModel",
    "atc.models.base.Model",
    "atc.models.one_head.OneHeadModel",
    "atc.labels.definitions.FittedLabel",
    "atc.events.writer.IngestSession",
    "atc.events.instrument.Instrument",
    "atc.events.event.BookEvent",
    "atc.events.event.TradeEvent",
    "atc.events.event.TickerEvent",
    "atc.events.event.ControlEvent",
    "atc.sweep.opened.open_sweep",
    "atc.sweep.opened.OpenedSweep",
    "atc.sweep.opened.OpenedJob",
)
"""What the names of `atc.__all__` give and take, and what own data, models and labels are written with."""


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    parts = ["# Python", paragraphs(atc.__doc__ or "")]
    for name in sorted(atc.__all__):
        parts += _told(f"atc.{name}", getattr(atc, name))
    parts.append("## Further names")
    for path in FURTHER:
        module, _, name = path.rpartition(".")
        parts += _told(path, getattr(__import__(module, fromlist=[name]), name), level=3)
    return {"python.md": page(*parts)}


def _told(path: str, thing: Any, level: int = 2) -> list[str]:
    name = path.rpartition(".")[2]
    parts = [f"{'#' * level} {code(path)}"]
    if not inspect.isclass(thing):
        return [*parts, fenced(f"{name}{_signature(thing)}", "python"), paragraphs(thing.__doc__ or "")]
    if thing.__doc__ and not thing.__doc__.startswith(f"{name}("):
        parts.append(paragraphs(inspect.getdoc(thing) or ""))
    for member, of in _members(thing):
        parts.append(f"{'#' * (level + 1)} {code(f'{name}.{member}')}")
        if callable(getattr(thing, member, None)):
            parts.append(fenced(f"{member}{_signature(getattr(thing, member))}", "python"))
        parts.append(paragraphs(of))
    return parts


def _members(thing: type) -> Iterator[tuple[str, str]]:
    yield from words_below(thing).items()
    for name, value in vars(thing).items():
        if name.startswith("_"):
            continue
        of = value.fget if isinstance(value, property) else getattr(value, "func", value)
        if isinstance(value, property | cached_property | classmethod | staticmethod) or inspect.isfunction(
            value
        ):
            yield name, inspect.getdoc(of if not isinstance(value, classmethod) else value.__func__) or ""


def _signature(thing: Any) -> str:
    return str(inspect.signature(thing)).replace("'", "")
