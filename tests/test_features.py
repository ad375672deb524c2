"""Feature sets and their page."""

from __future__ import annotations

from pathlib import Path

import pytest

import atc
from atc.config.features import Features
from atc.errors import UsageError
from atc.features.declarations import declarations, known_columns, schemas_of
from atc.features.engine_spec import max_lookback_ns, warm_up_ns
from atc.features.sets import set_columns
from atc.report.feature_columns import markdown_table

DOCS = Path(__file__).resolve().parent.parent / "docs"


def columns_of(name: str) -> tuple[str, ...]:
    return set_columns(atc.compose([f"features={name}"]).features)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("legacy13", 13),
        ("nits30", 30),
        ("plan36", 36),
        ("strict35", 35),
        ("all38", 38),
        ("ticker16", 16),
        ("ticker24", 24),
        ("plan36_flow", 58),
    ],
)
def test_sets_have_the_plans_sizes_in_the_order_of_the_declarations(name: str, count: int) -> None:
    columns = columns_of(name)
    assert len(columns) == count
    assert list(columns) == [column for column in known_columns() if column in columns]


def test_the_two_readings_of_the_plan_differ_as_documented() -> None:
    plan, strict = set(columns_of("plan36")), set(columns_of("strict35"))
    assert strict - plan == {"mscale_consensus_3sig"}
    assert plan - strict == {"in_no_new_entry_window", "ttc_sec_norm"}
    assert "ob_imbalance_top5" not in plan | strict


@pytest.mark.parametrize(
    ("family", "count"), [("ofi", 9), ("microprice", 3), ("kyle", 2), ("hawkes", 5), ("bipower", 3)]
)
def test_a_further_family_is_a_set_of_its_own(family: str, count: int) -> None:
    features = Features.model_validate({"name": "mine", "families": (family,)})
    columns = set_columns(features)
    assert len(columns) == count
    assert [schema.name for schema in schemas_of(columns)] == [family]


def test_the_page_is_made_from_the_declarations() -> None:
    page = (DOCS / "features.md").read_text(encoding="utf-8")
    made = markdown_table()
    assert page.endswith(made), "docs/features.md is stale: put `atc features list --markdown` at its end"
    assert made.count("\n| `") == len(declarations()) - 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"drop": ("ob_imbalance_top_5",)}, "did you mean 'ob_imbalance_top5'"),
        ({"drop": ("tk_count_5s",)}, "is neither of features.families"),
        ({"columns": ("mid",)}, "not a declared column"),
        ({"families": ("orderflow",)}, "not a declared family"),
        ({"families": ("gate",), "drop": ("mscale_consensus_3sig",)}, "no column left"),
    ],
)
def test_a_set_that_cannot_be_is_refused(words: dict[str, tuple[str, ...]], message: str) -> None:
    features = Features.model_validate({"name": "mine", "families": ("legacy",), **words})
    with pytest.raises(UsageError, match=message):
        set_columns(features)


def test_the_warm_up_covers_the_longest_window() -> None:
    config = atc.compose([])
    engine = config.features.engine
    assert max_lookback_ns(engine, ["core", "ticker"]) == 1_830 * 10**9
    assert warm_up_ns(config.sampling, engine, ["core"]) == (1_830 + 2 * 60 + 60) * 10**9
    longer = engine.model_copy(update={"big_trade": engine.big_trade.model_copy(update={"window_s": 3600})})
    assert max_lookback_ns(longer, ["core"]) == 3_630 * 10**9
    assert max_lookback_ns(longer, ["ticker"]) == 1_830 * 10**9
    # A warm-up depends on what is asked for alone.
    assert max_lookback_ns(engine, ["microprice"]) == 1 * 10**9
    assert max_lookback_ns(engine, ["ofi", "kyle"]) == 1_801 * 10**9
