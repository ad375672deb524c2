"""What the terminal says of folds, from figures alone."""

from __future__ import annotations

from atc.report.fold_lines import fold_rows, fold_sentences

KEYS = ("train/auc", "valid/auc", "test/auc", "test/direction_auc", "lift/test/auc")


def figures(folds: int, head: str = "") -> dict[str, float | None]:
    end = f"@{head}" if head else ""
    found: dict[str, float | None] = {}
    for fold in range(1, folds + 1):
        found |= {f"fold/{fold}/{key}{end}": fold / 100 for key in KEYS}
    for key in KEYS:
        mean = f"folds/{key.replace('test/', '')}{end}/mean"
        found |= {mean: 0.5, f"{mean}/lo": 0.4, f"{mean}/hi": 0.6}
    return found


def spans(folds: int) -> dict[str, object]:
    dates = {"from": "2026-01-02T00:00:00+00:00", "to": "2026-01-03T00:00:00+00:00"}
    return {**{f"fold{fold}": dates for fold in range(1, folds + 1)}, "train": dates}


def test_few_folds_stand_one_by_one() -> None:
    rows = fold_rows(spans(2), figures(2))
    assert [row[:3] for row in rows] == [
        ("1", "2026-01-02 … 2026-01-03", "0.0100"),
        ("2", "2026-01-02 … 2026-01-03", "0.0200"),
        ("mean", "of 2 folds", "0.5000"),
        ("", "interval from", "0.4000"),
        ("", "to", "0.6000"),
    ]


def test_of_many_folds_the_extremes_are_shown() -> None:
    rows = fold_rows(spans(28), figures(28))
    assert [row[:3] for row in rows[:3]] == [
        ("least", "", "0.0100"), ("most", "", "0.2800"), ("mean", "of 28 folds", "0.5000"),
    ]  # fmt: skip


def test_each_head_has_its_rows_shortest_first() -> None:
    metrics = {**figures(2, "300s"), **figures(2, "5s")}
    rows = fold_rows(spans(2), metrics)
    assert [row[:2] for row in rows if row[0]] == [
        *(("least", "5s"), ("most", "5s"), ("mean", "5s")),
        *(("least", "300s"), ("most", "300s"), ("mean", "300s")),
    ]


def test_no_folds_no_rows_no_words() -> None:
    assert fold_rows({"train": {}, "holdout": {}}, {}) == []
    assert fold_sentences({"holdout/auc": 0.6, "gate/verdict": None}, ["a note"]) == []


def test_refits_are_judged_by_their_interval() -> None:
    for low, high, word in ((0.01, 0.03, "better"), (-0.03, -0.01, "worse"), (-0.01, 0.01, "not told apart")):
        key = "lift_of_refit/holdout/auc"
        metrics = {key: (low + high) / 2, f"{key}/lo": low, f"{key}/hi": high, "refit/holdout/fits": 9}
        (said,) = fold_sentences(metrics, [])
        assert "9 refits through holdout: AUC" in said
        assert ("Whether that is † nobody knows: no pilot" in said) == (low > 0)
        assert word in said
        assert "selects on these rows" not in said


def test_refits_are_judged_head_by_head_and_on_validation_with_its_trap() -> None:
    metrics: dict[str, float | None] = {"refit/valid/fits": 9}
    for head, low in (("300s", -0.03), ("5s", 0.01), ("30s", None)):
        key = f"lift_of_refit/valid/auc@{head}"
        metrics |= {key: 0.0, f"{key}/lo": low, f"{key}/hi": None if low is None else low + 0.02}
    first, second = fold_sentences(metrics, [])
    assert "9 refits through valid: 5s AUC" in first
    assert "rank better" in first
    assert "9 refits through valid: 300s AUC" in second
    assert "rank worse" in second
    assert all("The model that stayed selects on these rows" in one for one in (first, second))


def test_where_no_refit_was_possible_nothing_is_compared() -> None:
    metrics: dict[str, float | None] = {}
    for split in ("holdout", "valid"):
        for head in ("5s", "300s"):
            key = f"lift_of_refit/{split}/auc@{head}"
            metrics |= {key: 0.0, f"{key}/lo": 0.0, f"{key}/hi": 0.0}
        metrics[f"refit/{split}/fits"] = 0
    (said,) = fold_sentences(metrics, [])
    assert said.startswith("No refit through holdout") and "not told apart" not in said
    sealed = {key: None if "/holdout/" in key else value for key, value in metrics.items()}
    (said,) = fold_sentences(sealed, [])
    assert said.startswith("No refit through valid") and said.endswith("scored it all.")


def test_the_control_and_the_paths_speak_of_each_head() -> None:
    metrics: dict[str, float | None] = {"warning/random_split": 1, "paths/count": 7}
    for head, area in (("300s", 0.7), ("5s", 0.6)):
        metrics[f"folds/auc@{head}/mean"] = area
        metrics |= {f"paths/auc@{head}/{of}": area for of in ("min", "max", "mean")}
    control, along = fold_sentences(metrics, [])
    assert "Its test AUC, 5s 0.6000, 300s 0.7000, holds" in control
    assert "5s 0.6000 … 0.6000, mean 0.6000; 300s 0.7000 … 0.7000, mean 0.7000." in along
    alone = {"warning/random_split": 1, "folds/auc/mean": 0.6, "folds/auc/mean/lo": 0.5}
    assert "Its test AUC, 0.6000, holds" in fold_sentences(alone, [])[0]


def test_the_verdict_says_what_both_models_earn() -> None:
    found: dict[str, float | None] = {
        "gate/verdict": 0,
        "fallback/valid/auc": 0.6,
        "fallback/holdout/auc": 0.6,
    }
    assert "Traded" not in fold_sentences(found, [])[0]
    found |= {"backtest/alpha": -1_234.0, "fallback/backtest/alpha": 5_678.0}
    (told,) = fold_sentences(found, [])
    assert told.endswith("Traded, the fallback has alpha +5,678 and the rejected model -1,234.")


def test_a_fallback_is_told_head_by_head() -> None:
    def said(*ends: str) -> str:
        found: dict[str, float | None] = {"gate/verdict": 0, "fallback/holdout/auc": None}
        for number, end in enumerate(ends, start=6):
            found[f"fallback/valid/auc{end}"] = number / 10 + 0.01
            found |= {f"fallback/holdout/auc{end}": number / 10, f"fallback/holdout/auc{end}/lo": 0.5}
            found[f"fallback/holdout/auc{end}/hi"] = 0.9
        return fold_sentences(found, [])[0]

    assert "The fallback's: valid AUC 0.6100, holdout AUC 0.6000 (0.5000 … 0.9000); its model" in said("")
    assert (
        "The fallback's: 30s valid AUC 0.6100, holdout AUC 0.6000 (0.5000 … 0.9000); "
        "300s valid AUC 0.7100, holdout AUC 0.7000 (0.5000 … 0.9000); its model"
    ) in said("@30s", "@300s")
