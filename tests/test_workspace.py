"""The dashboard as code: its JSON, made without an account and without a network, is the golden one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atc.tracking.workspace import Shown, workspace_json

GOLDEN = Path(__file__).parent / "golden" / "wandb_workspace.json"
"""`python -m tests.test_workspace` writes it anew; its difference is to be read before it is kept."""

SHOWN = Shown(
    name="top3-0123456789ab",
    project="atc",
    entity="team",
    runs=("a" * 16, "b" * 16, "c" * 16),
    group="top3-0123456789ab",
    baseline="c" * 16,
    figures=("lift/holdout/auc", "lift/holdout/macro_f1"),
    varied=("model.num_leaves", "features.name"),
)
SECTIONS = (
    "Verdict: lift over each run's own baseline",
    "Generalisation: validation against holdout",
    "Money: alpha over always HOLD",
    "What mattered",
    "Cost",
)


def sections(shown: Shown = SHOWN) -> dict[str, list[dict[str, Any]]]:
    config = workspace_json(shown)["spec"]["section"]["panelBankConfig"]
    return {section["name"]: section["panels"] for section in config["sections"]}


def runset(shown: Shown = SHOWN) -> dict[str, Any]:
    (found,) = workspace_json(shown)["spec"]["section"]["runSets"]
    return dict(found)


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def test_the_json_is_the_golden_one() -> None:
    assert workspace_json(SHOWN) == json.loads(GOLDEN.read_text())


def test_it_has_the_sections_in_order() -> None:
    assert tuple(sections()) == SECTIONS


def test_what_mattered_has_coordinates_importance_and_the_keys_that_differ() -> None:
    coordinates, *importance, comparer, inputs = sections()["What mattered"]
    assert [column["accessor"] for column in coordinates["config"]["columns"]] == [
        *("config:model.value.num_leaves", "config:features.value.name"),
        *("summary:holdout/auc", "summary:holdout/macro_f1"),
        *("summary:lift/holdout/auc", "summary:lift/holdout/macro_f1", "summary:backtest/alpha"),
    ]
    assert [panel["config"]["targetKey"] for panel in importance] == list(SHOWN.figures)
    assert comparer["viewType"] == "Run Comparer"
    assert comparer["config"] == {"diffOnly": "split"}
    assert "importance" in texts(inputs)


def test_the_run_table_gives_deltas_to_the_baseline_and_shows_the_sweep_alone() -> None:
    found = runset()
    from wandb_workspaces.workspaces.interface import _decode_run_gid

    assert _decode_run_gid(found["baselineRunId"]) == SHOWN.baseline
    assert list(found["runFeed"]["columnPinned"])[:4] == [
        *("run:displayName", "summary:lift/holdout/auc", "summary:lift/holdout/auc/lo"),
        "summary:lift/holdout/auc/hi",
    ]
    assert SHOWN.group in texts(found["filters"])
    assert found["sort"]["keys"][0]["key"] == {"section": "summary", "name": "lift/holdout/auc"}


def test_runs_without_a_group_are_found_by_their_ids() -> None:
    assert set(SHOWN.runs) <= set(texts(runset(replace(SHOWN, group=None))["filters"]))


def test_a_dashboard_keeps_its_name_and_its_panels_their_ids() -> None:
    again = workspace_json(replace(SHOWN, figures=("lift/holdout/auc",)))
    assert again["name"] == workspace_json(SHOWN)["name"]
    assert workspace_json(replace(SHOWN, group="other"))["name"] != again["name"]
    ids = [panel["__id__"] for panels in sections().values() for panel in panels]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("figure", ["lift/holdout/auc@300s", "valid/auc"])
def test_figures_of_horizons_and_of_sealed_runs_are_shown(figure: str) -> None:
    found = sections(replace(SHOWN, figures=(figure,)))
    assert figure in texts(found[SECTIONS[0]])
    cloud = found[SECTIONS[1]][0]["config"]
    own = figure.removeprefix("lift/")
    other = own.replace("holdout", "valid") if "holdout" in own else own.replace("valid", "train")
    assert (cloud["xAxis"], cloud["yAxis"]) == (f"summary:{other}", f"summary:{own}")


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(workspace_json(SHOWN), indent=1) + "\n")
