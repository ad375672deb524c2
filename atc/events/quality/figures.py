"""The figures of a day by the names that severities, demands and the JSON share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Figures = dict[str, int | float | None]
"""By name; counts are integers, shares lie in [0, 1], times are in s, offsets in ms; None: not to be had."""


def ingest_figures(findings: Mapping[str, Mapping[str, int]]) -> Figures:
    """What the ingest of the day repaired and flagged; None where its manifest does not say."""
    if not findings:
        return dict.fromkeys(("repaired", "flagged", "duplicates_repaired"))
    repaired = findings.get("repaired", {})
    return {
        "repaired": sum(repaired.values()),
        "flagged": sum(findings.get("flagged", {}).values()),
        # The ingest's own words for what came again and was left out.
        "duplicates_repaired": sum(n for reason, n in repaired.items() if reason.startswith("repeated ")),
    }


def figures_of(found: Mapping[str, Any], broken_promises: int) -> Figures:
    """Flat figures from those of the Rust crate; each is defined in docs/quality.md."""
    book, prints, quotes = found["book"], found["prints"], found["quotes"]
    silent, book_silent, offset = found["silent"], found["book_silent"], found["offset"]
    messages = book["messages"] + prints["messages"] + quotes["messages"]
    has_book = book["messages"] > 0
    return {
        "broken_promises": broken_promises,
        "messages": messages,
        "book_messages": book["messages"],
        "trade_messages": prints["messages"],
        "ticker_messages": quotes["messages"],
        "control_messages": found["controls"],
        "keyframes": book["keyframes"],
        "repeats": book["repeats"],
        "repeat_share": _share(book["repeats"], book["messages"]),
        "crossed_books": book["crossed"],
        "crossed_share": _share(book["crossed"], book["messages"]),
        "crossed_s": _seconds(book["crossed_ns"]),
        "locked_books": book["locked"],
        "locked_share": _share(book["locked"], book["messages"]),
        "one_sided_books": book["one_sided"],
        "unplaced_differences": book["unplaced"],
        "differing_keyframes": book["differing_keyframes"],
        "misflagged_books": book["misflagged"],
        "gaps": found["gaps"],
        "gap_s": _seconds(found["gap_ns"]),
        "resets": found["resets"],
        "time_regressions": found["time_regressions"],
        "time_regression_share": _share(found["time_regressions"], messages),
        "exch_regressions": found["exch_regressions"],
        "impossible_prices": sum(part["impossible_prices"] for part in (book, prints, quotes)),
        "impossible_sizes": sum(part["impossible_sizes"] for part in (book, prints, quotes)),
        "far_levels": book["far_levels"],
        "far_prints": prints["far"],
        "far_quotes": quotes["far"],
        "crossed_quotes": quotes["crossed"],
        "locked_quotes": quotes["locked"],
        "duplicate_prints": prints["duplicates"],
        "duplicate_share": _share(prints["duplicates"], prints["messages"]),
        "reused_trade_ids": prints["reused_ids"],
        "equal_prints": prints["equal"],
        "maker_twins": prints["maker_twins"],
        "silences": silent["count"],
        "silent_s": _seconds(silent["total_ns"]),
        "silent_share": _share(silent["total_ns"], silent["spanned_ns"]),
        "longest_silence_s": _seconds(silent["longest_ns"]),
        "book_silences": book_silent["count"] if has_book else None,
        "book_silent_s": _seconds(book_silent["total_ns"]) if has_book else None,
        "longest_book_silence_s": _seconds(book_silent["longest_ns"]) if has_book else None,
        "coverage": _share(silent["spanned_ns"] - silent["total_ns"], found["open_ns"]),
        "offset_median_ms": _ms(offset["median_ns"]),
        "offset_p1_ms": _ms(offset["p1_ns"]),
        "offset_p99_ms": _ms(offset["p99_ns"]),
        "offset_drift_ms": _ms(offset["drift_ns"]),
        "clock_steps": offset["steps"],
        "negative_latencies": offset["negative"],
        "negative_latency_share": _share(offset["negative"], offset["count"]),
        "synth_recv_share": _share(found["synth_recv"], messages),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _seconds(ns: int) -> float:
    return ns / 1_000_000_000


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / 1_000_000
