"""All planted look-ahead, and a search for one of them."""

from __future__ import annotations

from pathlib import Path

import leaks_in_decisions
import leaks_in_events
import leaks_in_features
import leaks_in_fills
import leaks_in_fits
import leaks_in_labels
import pytest
from leak_market import market, searched
from planted_leak import Leak

from atc.leaks.localise import Effort, Report

LEAKS: tuple[Leak, ...] = (
    *leaks_in_events.LEAKS,
    *leaks_in_features.LEAKS,
    *leaks_in_labels.LEAKS,
    *leaks_in_fits.LEAKS,
    *leaks_in_decisions.LEAKS,
    *leaks_in_fills.LEAKS,
)


def search(leak: Leak, root: Path, folder: Path) -> Report:
    """The report of a search with `leak` planted, until it is found; its files lie in the new `folder`, the
    market and the honest part of what is cached under `root`.
    """
    config, stream = market(root, *leak.words)
    with pytest.MonkeyPatch.context() as patch:
        leak.plant(patch)
        outputs = None if leak.in_cache else root
        return searched(config, stream, folder, Effort(stop_at_first=True), outputs=outputs)


def named(report: Report) -> str | None:
    """The stage that the localiser names; None where it finds nothing."""
    found = report.leak
    return None if found is None or found.moved is None else found.moved.stage
