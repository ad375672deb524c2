"""What is stored of a book can be replayed from any keyframe, and says no more than the feed did."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from reference.ingest.keyframes import DifferenceFeed, SnapshotFeed
from reference.ingest.message import BookMessage, FullBook, Level, Origin
from reference.ingest.report import IngestReport

from atc.events.book import Book
from atc.events.schema import Flag, MsgKind

HERE = Origin("feed", 1)
SECOND = 10**9
GAPS = st.integers(0, 90 * SECOND)
ANY_LEVEL = st.tuples(st.sampled_from([1, -1]), st.integers(1, 12), st.integers(0, 3))


def slow_book(messages: list[tuple[MsgKind, list[Level]]]) -> dict[tuple[int, int], int]:
    """A book as a plain mapping (side, px) → qty."""
    book: dict[tuple[int, int], int] = {}
    for kind, levels in messages:
        if kind != MsgKind.DELTA:
            book = {}
        for side, px, qty in levels:
            if side:
                book[side, px] = qty
        book = {key: qty for key, qty in book.items() if qty}
    return book


def as_mapping(book: Book) -> dict[tuple[int, int], int]:
    return {(side, px): qty for side, px, qty in book.levels()}


@given(
    st.lists(
        st.tuples(st.sampled_from(list(MsgKind)), st.lists(ANY_LEVEL, max_size=8)).map(
            lambda m: (m[0], [] if m[0] is MsgKind.CLEAR else m[1])
        ),
        max_size=40,
    )
)
def test_the_book_is_the_obvious_one(messages: list[tuple[MsgKind, list[Level]]]) -> None:
    book = Book()
    for i, (kind, levels) in enumerate(messages):
        book.apply(kind, levels)
        slow = slow_book(messages[: i + 1])
        assert as_mapping(book) == slow
        bids = [px for side, px in slow if side > 0]
        asks = [px for side, px in slow if side < 0]
        assert book.best_bid == max(bids, default=None)
        assert book.best_ask == min(asks, default=None)
        assert book.is_crossed == (bool(bids) and bool(asks) and max(bids) >= min(asks))


def test_levels_that_come_and_go_do_not_pile_up() -> None:
    book = Book()
    book.apply(MsgKind.SNAP, [(1, 100, 1)])
    for i in range(10_000):
        book.apply(MsgKind.DELTA, [(1, 1 + i % 50, i % 2)])
    side = book._sides[1]
    assert len(side._heap) <= 4 * len(side.qty) + 65
    assert book.best_bid == 100


def difference(ts: int, levels: list[Level], kind: MsgKind = MsgKind.DELTA) -> BookMessage:
    return BookMessage(ts_recv=ts, ts_exch=ts - 1, venue_seq=7, origin=HERE, msg_kind=kind, levels=levels)


@settings(deadline=None)
@given(
    first=st.lists(ANY_LEVEL, max_size=6),
    steps=st.lists(st.tuples(GAPS, st.lists(ANY_LEVEL, max_size=4), st.booleans()), max_size=30),
)
def test_a_difference_feed_can_be_entered_at_every_keyframe(
    first: list[Level], steps: list[tuple[int, list[Level], bool]]
) -> None:
    feed = DifferenceFeed(IngestReport())
    came = [difference(1_000 * SECOND, first, MsgKind.SNAP)]
    stored = feed.encode(came[0])
    last_whole, last_any = came[0].ts_recv, came[0].ts_recv
    for gap, levels, new_day in steps:
        if new_day:
            feed.new_day()
        message = difference(came[-1].ts_recv + gap, levels)
        made = feed.encode(message)
        due = (
            new_day or message.ts_recv - last_whole >= 60 * SECOND or message.ts_recv - last_any > 60 * SECOND
        )
        assert len(made) == 1 + due
        if due:
            keyframe = made[0]
            assert keyframe.flags & (Flag.SNAPSHOT | Flag.REPEAT) == Flag.SNAPSHOT | Flag.REPEAT
            assert (keyframe.ts_recv, keyframe.ts_exch, keyframe.venue_seq) == (message.ts_recv, None, None)
            last_whole = message.ts_recv
        last_any = message.ts_recv
        assert made[-1].msg_kind is MsgKind.DELTA
        assert made[-1].levels == (levels or [(0, 0, 0)])
        assert bool(made[-1].flags & Flag.REPEAT) == (not levels)
        came.append(message)
        stored += made
    expected = slow_book([(m.msg_kind, m.levels) for m in came])
    for start, message in enumerate(stored):
        if message.flags & Flag.SNAPSHOT:
            replayed = Book()
            for later in stored[start:]:
                replayed.apply(later.msg_kind, later.levels)
            assert as_mapping(replayed) == expected
    # One that is whole and inserted changes nothing.
    without = [m for m in stored if not (m.flags & Flag.SNAPSHOT and m.flags & Flag.REPEAT)]
    assert slow_book([(m.msg_kind, m.levels) for m in without]) == expected


def test_a_reset_forgets_and_no_keyframe_is_made_of_nothing() -> None:
    feed = DifferenceFeed(IngestReport())
    feed.encode(difference(0, [(1, 5, 1)], MsgKind.SNAP))
    feed.reset()
    assert [m.msg_kind for m in feed.encode(difference(100 * SECOND, [(1, 4, 1)]))] == [MsgKind.DELTA]
    made = feed.encode(difference(101 * SECOND, [], MsgKind.SNAP))
    assert [(m.msg_kind, m.levels) for m in made] == [(MsgKind.CLEAR, [(0, 0, 0)])]


def test_a_crossed_book_is_flagged_as_long_as_it_is_crossed() -> None:
    report = IngestReport()
    feed = DifferenceFeed(report)
    messages = [
        difference(0, [(1, 5, 1), (-1, 6, 1)], MsgKind.SNAP),
        difference(1, [(1, 6, 2)]),
        difference(2, [(1, 3, 2)]),
        difference(3, [(1, 6, 0)]),
    ]
    made = [feed.encode(m)[-1].flags & Flag.MAYBE_BAD_BOOK for m in messages]
    assert [bool(flag) for flag in made] == [False, True, True, False]
    assert report.flagged == {"crossed book": 2}


SIDE = st.dictionaries(st.integers(1, 9), st.integers(1, 3), max_size=6)


def window(bids: dict[int, int], asks: dict[int, int], depth: int) -> list[Level]:
    """The best `depth` levels a side, as a venue would show them."""
    shown = [(1, px, bids[px]) for px in sorted(bids, reverse=True)[:depth]]
    return shown + [(-1, px + 10, asks[px]) for px in sorted(asks)[:depth]]


@settings(deadline=None)
@given(
    books=st.lists(st.tuples(GAPS, SIDE, SIDE, st.booleans()), min_size=1, max_size=25),
    depth=st.integers(1, 4),
)
def test_a_snapshot_feed_comes_back_whole_at_every_message(
    books: list[tuple[int, dict[int, int], dict[int, int], bool]], depth: int
) -> None:
    feed = SnapshotFeed(depth, IngestReport())
    replayed, before = Book(), None
    last_whole = last_any = None
    ts = 0
    for gap, bids, asks, new_day in books:
        ts += gap
        if new_day:
            feed.new_day()
        levels = window(bids, asks, depth)
        (stored,) = feed.encode(FullBook(ts_recv=ts, origin=HERE, levels=levels))
        due = (
            new_day
            or last_whole is None
            or last_any is None
            or ts - last_whole >= 60 * SECOND
            or ts - last_any > 60 * SECOND
        )
        assert bool(stored.flags & Flag.SNAPSHOT) == due == (stored.msg_kind is not MsgKind.DELTA)
        replayed.apply(stored.msg_kind, stored.levels)
        assert as_mapping(replayed) == {(s, px): qty for s, px, qty in levels}
        if due:
            assert not stored.flags & Flag.REPEAT
            assert sorted(stored.levels) == sorted(levels or [(0, 0, 0)])
            last_whole = ts
        else:
            same = levels == before
            assert bool(stored.flags & Flag.REPEAT) == same
            assert bool(stored.flags & Flag.SYNTH_DIFF) == (not same)
            assert (stored.levels == [(0, 0, 0)]) == same
        last_any, before = ts, levels


def edges(before: list[Level], after: list[Level], depth: int) -> set[tuple[int, int]]:
    feed = SnapshotFeed(depth, IngestReport())
    feed.encode(FullBook(ts_recv=0, origin=HERE, levels=before))
    (stored,) = feed.encode(FullBook(ts_recv=1, origin=HERE, levels=after))
    return {stored.levels[i][:2] for i in stored.edges}


def test_a_level_beyond_the_far_edge_was_neither_cancelled_nor_placed() -> None:
    full = [(1, 9, 1), (1, 8, 1), (1, 7, 1), (-1, 11, 1), (-1, 12, 1), (-1, 13, 1)]
    better_bid = [(1, 10, 1), (1, 9, 1), (1, 8, 1), *full[3:]]
    assert edges(full, better_bid, 3) == {(1, 7)}  # pushed out by a better one
    assert edges(better_bid, full, 3) == {(1, 7)}  # shows again when that one leaves
    lost_ask = [*full[:3], (-1, 11, 1), (-1, 13, 1), (-1, 14, 1)]
    assert edges(full, lost_ask, 3) == {(-1, 14)}  # 12 was cancelled, 14 was there before
    assert edges(full, lost_ask, 4) == set()  # a window that is not full hides nothing
    assert edges(full, full[:2] + full[3:], 3) == set()  # 7 is gone and nothing came for it: cancelled
