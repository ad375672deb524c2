"""Merging, update chains, twins: what becomes of messages before they are columns."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from reference.ingest.merge import Source, Timed, merged
from reference.ingest.message import BookMessage, ControlMessage, Message, Origin
from reference.ingest.report import Finding, IngestReport
from reference.ingest.source_file import Progress
from reference.ingest.trade_ids import TradeIds
from reference.ingest.twin_prints import Print, TwinPrints, looks_filtered
from reference.ingest.update_chain import Difference, Snapshot, UpdateChain

from atc.events.schema import ControlKind, Flag, MsgKind

HERE = Origin("f", 1)


def sources_of(files: list[list[int]]) -> tuple[list[Source[tuple[int, int]]], set[int], list[int]]:
    """Sources of the given times, the set of those that are open, and the numbers of open ones at each
    opening.
    """
    open_now: set[int] = set()
    opened: list[int] = []

    def reader(place: int, times: list[int], progress: Progress) -> Iterator[Timed[tuple[int, int]]]:
        open_now.add(place)
        opened.append(len(open_now))
        try:
            for row, ts in enumerate(times, start=1):
                progress(1)
                yield Timed(ts, Origin(str(place), row), (place, row))
        finally:
            open_now.discard(place)

    made = [
        Source(str(place), lambda told, place=place, times=times: reader(place, times, told))
        for place, times in enumerate(files)
    ]
    return made, open_now, opened


@given(st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=6))
def test_merged_sources_never_run_backwards_and_lose_nothing(files: list[list[int]]) -> None:
    sources, open_now, _ = sources_of(files)
    report = IngestReport()
    told: list[int] = []
    items = list(merged(sources, report, told.append))
    assert [i.ts_recv for i in items] == sorted(i.ts_recv for i in items)
    expected = {(place, row) for place, times in enumerate(files) for row in range(1, len(times) + 1)}
    assert {i.what for i in items} == expected
    assert len(items) == len(expected) == report.messages_read == sum(told)
    for place, times in enumerate(files):
        mine = [i for i in items if i.what[0] == place]
        assert [i.what[1] for i in mine] == list(range(1, len(times) + 1))
        running = 0
        for item, ts in zip(mine, times, strict=True):
            assert bool(item.flags & Flag.BAD_TS) == (ts < running)
            running = max(running, ts)
            assert item.ts_recv == running
    # Of equal times the earlier source comes first, message by message.
    assert [(i.ts_recv, i.what[0]) for i in items] == sorted((i.ts_recv, i.what[0]) for i in items)
    assert report.flagged["no events in the file"] == sum(not times for times in files)
    assert not open_now


def test_only_files_that_overlap_are_open() -> None:
    sources, _, opened = sources_of([[10 * day, 10 * day + 5] for day in range(50)])
    assert len(list(merged(sources, IngestReport()))) == 100
    assert max(opened) <= 2


def difference(previous: int, last: int, ts: int = 0) -> Difference:
    return Difference(
        ts_recv=ts or last,
        ts_exch=None,
        flags=0,
        origin=Origin("f", last),
        previous=previous,
        last=last,
        levels=[(1, last, 1)],
    )


def snapshot(last: int, ts: int) -> Snapshot:
    return Snapshot(
        ts_recv=ts,
        ts_exch=None,
        flags=0,
        origin=Origin("snap", last),
        last=last,
        levels=[(1, 1000 + last, 1)],
    )


def told(messages: list[Message]) -> list[str]:
    """Messages as short words: `snap 5 @9`, `7 @9`, `RESET`."""
    words = []
    for m in messages:
        if isinstance(m, ControlMessage):
            words.append(ControlKind(m.control_kind).name)
        elif isinstance(m, BookMessage):
            words.append(f"{'snap ' if m.msg_kind is MsgKind.SNAP else ''}{m.venue_seq} @{m.ts_recv}")
    return words


def run(*steps: Difference | Snapshot) -> tuple[list[str], IngestReport, list[Finding]]:
    findings: list[Finding] = []
    report = IngestReport(findings.append)
    chain = UpdateChain(report)
    messages: list[Message] = []
    for step in steps:
        messages += chain.difference(step) if isinstance(step, Difference) else chain.snapshot(step)
    chain.finish()
    return told(messages), report, findings


def test_a_snapshot_joins_the_differences_that_it_does_not_contain() -> None:
    words, report, _ = run(
        difference(0, 3), difference(3, 6), difference(6, 9), snapshot(5, ts=20), difference(9, 12, ts=21)
    )
    assert words == ["snap 5 @20", "6 @20", "9 @20", "12 @21"]
    assert report.repaired == {"update before the snapshot": 1, "update held until the snapshot": 2}
    assert not report.flagged


def test_the_differences_may_come_after_their_snapshot() -> None:
    words, report, _ = run(
        snapshot(5, ts=1), difference(0, 4, ts=2), difference(4, 7, ts=3), difference(7, 8, ts=4)
    )
    assert words == ["snap 5 @1", "7 @3", "8 @4"]
    assert report.repaired == {"repeated update": 1}


def test_a_gap_resets_and_waits_for_a_snapshot() -> None:
    words, report, findings = run(
        snapshot(5, ts=1),
        difference(5, 8),
        difference(10, 12),  # 9 and 10 are lost
        difference(12, 14),
        snapshot(9, ts=15),  # too old to join
        snapshot(13, ts=16),
        difference(14, 17),
    )
    assert words == ["snap 5 @1", "8 @8", "GAP_START", "RESET", "GAP_END", "snap 13 @16", "14 @16", "17 @17"]
    assert report.flagged == {"gap in the update chain": 1, "snapshot too old": 1}
    gap = next(f for f in findings if f.reason == "gap in the update chain")
    assert gap.origin.row == 12
    assert gap.detail == "expected an update after 8, found one after 10"


def test_without_a_snapshot_nothing_is_told_and_everything_is_counted() -> None:
    words, report, _ = run(difference(0, 3), difference(3, 5), difference(6, 8))
    assert words == []
    assert report.flagged == {"update without a snapshot": 3}


def test_a_repeated_difference_and_a_snapshot_in_between_change_nothing() -> None:
    words, report, _ = run(
        snapshot(5, ts=1), difference(5, 8), difference(5, 8), snapshot(8, ts=9), difference(8, 10)
    )
    assert words == ["snap 5 @1", "8 @8", "10 @10"]
    assert report.repaired == {"repeated update": 1, "snapshot not needed": 1}


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    lost=st.sets(st.integers(0, 29)),
    snaps=st.lists(st.tuples(st.integers(0, 30), st.integers(-6, 6)), max_size=5),
)
def test_what_is_told_is_always_an_unbroken_chain(
    sizes: list[int], lost: set[int], snaps: list[tuple[int, int]]
) -> None:
    """However differences are lost and snapshots come, each stretch is a snapshot and then every update after
    it.
    """
    report = IngestReport()
    chain = UpdateChain(report)
    messages: list[Message] = []
    at, ts = 100, 0
    covered = {}
    for place, size in enumerate(sizes):
        for when, shift in snaps:
            if when == place:
                ts += 1
                messages += chain.snapshot(snapshot(at + shift, ts=ts))
        ts += 1
        covered[at + size] = at
        if place not in lost:
            messages += chain.difference(difference(at, at + size, ts=ts))
        at += size
    reached: int | None = None
    for message in messages:
        if isinstance(message, ControlMessage):
            if message.control_kind is ControlKind.RESET:
                reached = None
        elif isinstance(message, BookMessage) and message.venue_seq is not None:
            if message.msg_kind is MsgKind.SNAP:
                assert reached is None
            else:
                assert reached is not None
                assert covered[message.venue_seq] <= reached < message.venue_seq
            reached = message.venue_seq
    assert [m.ts_recv for m in messages] == sorted(m.ts_recv for m in messages)


def test_trade_ids_that_jump_or_repeat() -> None:
    report = IngestReport()
    ids = TradeIds(report)
    item = Timed(5, HERE, None)
    assert ids.follow(7, item) == []
    assert ids.follow(8, item) == []
    assert ids.follow(8, item) is None
    gap = ids.follow(11, item)
    assert gap is not None
    assert told(gap) == ["GAP_START", "GAP_END"]
    assert ids.follow(10, item) is None
    assert ids.follow(12, item) == []
    assert report.flagged == {"gap in the trade ids": 1}
    assert report.repaired == {"repeated trade": 2}


def makers(*prints: Print) -> tuple[list[bool], IngestReport]:
    report = IngestReport()
    twins = TwinPrints(report)
    found = [twins.is_makers(p, HERE) for p in prints]
    twins.finish()
    return found, report


BUY, SELL = Print(500, 3, 9, 1), Print(500, 3, 9, -1)


def test_twins_are_paired_from_left_to_right() -> None:
    assert makers(BUY, SELL)[0] == [False, True]
    assert makers(SELL, BUY, SELL, BUY, SELL, BUY)[0] == [False, True] * 3
    assert makers(BUY, SELL, SELL, BUY)[0] == [False, True, False, True]
    assert makers(BUY, BUY, SELL)[0] == [False, False, True]


def test_what_differs_in_anything_is_no_twin() -> None:
    for other in (SELL._replace(px_ticks=501), SELL._replace(qty_lots=4), SELL._replace(time_ns=10), BUY):
        found, report = makers(BUY, other)
        assert found == [False, False]
        assert report.flagged == {"print without twin": 2}


def test_a_single_print_at_an_edge_keeps_its_side_and_is_told() -> None:
    other_buy = Print(510, 1, 12, 1)
    found, report = makers(SELL, other_buy, other_buy._replace(side=-1), BUY)
    assert found == [False, False, True, False]
    assert report.flagged == {"print without twin": 2, "maker's print of a pair": 1}


def test_an_archive_without_twins_looks_filtered() -> None:
    singles = [Print(500 + i, 1, i, 1) for i in range(10)]
    assert looks_filtered(singles)
    assert looks_filtered([*singles, BUY, SELL])
    assert not looks_filtered([BUY, SELL] * 5)
    assert not looks_filtered([singles[0], *[BUY, SELL] * 5])
    assert not looks_filtered([])
