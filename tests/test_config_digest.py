"""The run's identity: what must change it, and what must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atc.config import digest
from atc.config.compose import compose, validate
from atc.config.digest import code_digest, config_digest, run_id
from atc.errors import AtcError

EXPERIMENT = "+experiment=gbdt_36feat"


@pytest.mark.parametrize(
    "override",
    [
        "paths.outputs=elsewhere",
        "paths.recordings=/mnt/recordings",
        "tracking=none",
        "tracking.tags=[a]",
        "runtime.force=true",
        "runtime.progress=off",
        # What decides which data are refused.
        "quality=strict",
        "quality.max_gaps=3",
        "data.largest_order=50",
        # What was hoped for.
        "plan.expects=0.5",
        # The same values in other spellings.
        "label.horizon_s=300",
        "label.horizon_s=3e2",
        "data.lot=1e-2",
        "data.lot='0.010'",
        "data.tick=1.0",
        "model.learning_rate=5e-2",
        "protocol.sealed=false",
        # Labels for people; what is in the sets and the data is digested.
        "data.name=other",
        "features.name=other",
        "baseline.features.name=other",
    ],
)
def test_what_changes_no_result_changes_no_digest(override: str) -> None:
    assert config_digest(compose([EXPERIMENT, override])) == config_digest(compose([EXPERIMENT]))


@pytest.mark.parametrize(
    "override",
    [
        "seed=2",
        "data=demo_null",
        "data.seed=2",
        "label.horizon_s=301",
        "features=strict35",
        "features.engine.min_values=21",
        "model.num_leaves=31",
        "model.num_threads=1",
        "baseline.model.l2=1e-3",
        "protocol.sealed=true",
        "evaluation.resamples=100",
        "window.holdout_days=14",
        "sampling=book",
        # The folder of a run has this name.
        "name=other",
        "data.symbol=OTHER",
        "cost.symbols=[ETH_JPY,BTC_JPY]",
        "features.drop=[]",
        "baseline.features.families=[legacy,nits]",
    ],
)
def test_what_changes_a_result_changes_the_digest(override: str) -> None:
    # Another symbol is another market, whose costs the default table is not.
    words = [EXPERIMENT, "cost.borrowed=true"]
    assert config_digest(compose([*words, override])) != config_digest(compose(words))


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    config = compose([EXPERIMENT])
    values = config.model_dump(mode="json")
    turned = {key: values[key] for key in reversed(values)}
    turned["model"] = {key: values["model"][key] for key in reversed(values["model"])}
    assert config_digest(validate(turned)) == config_digest(config)


def test_the_digest_is_that_of_the_canonical_text() -> None:
    config = compose([EXPERIMENT])
    values = json.loads(config.model_dump_json(exclude={"paths", "plan", "quality", "tracking", "runtime"}))
    del values["data"]["name"], values["features"]["name"], values["baseline"]["features"]["name"]
    del values["data"]["largest_order"]
    assert config_digest(config) == digest._digest(values)


def test_every_part_of_the_run_id_counts() -> None:
    parts = {
        "config_digest": "a",
        "data_digest": "b",
        "feature_schema": "c",
        "label_schema": "d",
        "code_digest": "e",
    }
    ids = {run_id(**parts)} | {run_id(**(parts | {name: "x"})) for name in parts}
    assert len(ids) == len(parts) + 1
    assert all(len(found) == 64 and int(found, 16) >= 0 for found in ids)
    # Neighbours do not run together.
    assert run_id(**(parts | {"config_digest": "ab", "data_digest": ""})) != run_id(**parts)


def test_the_code_digest_needs_a_current_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    from atc import _rust

    monkeypatch.setattr(_rust, "BUILD_DIGEST", "1" * 64, raising=False)
    first = code_digest()
    assert first == code_digest()
    monkeypatch.setattr(_rust, "BUILD_DIGEST", "2" * 64)
    assert code_digest() != first
    monkeypatch.delattr(_rust, "BUILD_DIGEST")
    with pytest.raises(AtcError, match="rebuild"):
        code_digest()


def test_the_code_digest_covers_the_code_that_makes_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atc import _rust

    monkeypatch.setattr(_rust, "BUILD_DIGEST", "1" * 64, raising=False)
    for folder in ("config", "models", "cli", "report", "sweep", "tracking"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "some.py").write_text("x = 1\n")
    monkeypatch.setattr(digest, "__file__", str(tmp_path / "config" / "digest.py"))
    before = code_digest()
    for folder in ("cli", "report", "sweep", "tracking"):
        (tmp_path / folder / "some.py").write_text("x = 2\n")
    assert code_digest() == before
    (tmp_path / "models" / "some.py").write_text("x = 2\n")
    changed = code_digest()
    assert changed != before
    (tmp_path / "models" / "some.py").rename(tmp_path / "models" / "other.py")
    assert code_digest() not in (before, changed)
