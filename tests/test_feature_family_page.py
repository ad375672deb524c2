"""docs/feature_family.md, followed on a copy of the crates: what it says to write compiles and computes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "feature_family.md"
BLOCK = re.compile(r"^```rust (file|list)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a reader would try first: three book timestamps, two of them in the last 5 s of the row.
TRIAL = """
use atc_featuregen::engine::Engine;
use atc_featuregen::event::{Event, Kind, Levels, MsgKind};
use atc_featuregen::families::SCHEMAS;
use atc_featuregen::spec::{SECOND, Spec};

#[test]
fn the_page_s_family_computes() {
    let schema = SCHEMAS.last().unwrap();
    assert_eq!((schema.name, schema.version, schema.declarations.len()), ("tempo", 1, 1));
    let spec: Spec = serde_json::from_str(SPEC).unwrap();
    assert_eq!(spec.max_lookback_ns(), 5 * SECOND);
    let mut engine = Engine::new(spec).unwrap();
    let levels = Levels { side: &[1, -1], px: &[99, 101], qty: &[5, 5] };
    for (ev_seq, second) in [(1, 100), (2, 104), (3, 105), (4, 107)] {
        let kind = Kind::Book(MsgKind::Snap, levels);
        let event = Event { ev_seq, ts_recv: second * SECOND, ts_exch: None, flags: 0, kind };
        engine.push(&event).unwrap();
    }
    engine.flush().unwrap();
    assert_eq!(engine.take_rows().columns, [[1.0, 2.0, 2.0, 3.0]]);
}

const SPEC: &str = r#"{
    "tick": 1.0, "lot": 0.01, "day_cut_utc_s": 0, "tz_offset_s": 0, "recorded_depth": null,
    "schemas": ["tempo"], "sampling": "book", "group_ns": 5000000, "max_gap_ns": 60000000000,
    "min_values": 20, "big_trade": {"window_s": 1800, "quantile_pct": 95, "fresh_s": 30},
    "deep_levels": [5, 30], "no_new_entry_s": 900, "maintenance": []
}"#;
"""


def follow(page: str, project: Path) -> list[str]:
    """Does what the blocks say: writes a file, or enters a line at the end of a list. Their kinds."""
    done = []
    for kind, name, code in BLOCK.findall(page):
        path = project / name
        if kind == "file":
            assert not path.exists(), f"{name} is there already: the page's example is none any more"
            path.write_text(code, encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
            begin = text.index("\nfamilies! {\n")
            end = text.index("\n}\n", begin) + 1
            path.write_text(text[:end] + code + text[end:], encoding="utf-8")
        done.append(kind)
    return done


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo")
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "rust", tmp_path / "rust", ignore=shutil.ignore_patterns("target"))
    assert follow(PAGE.read_text(encoding="utf-8"), tmp_path) == ["file", "list"]
    crate = tmp_path / "rust" / "atc-featuregen"
    (crate / "tests").mkdir(exist_ok=True)
    (crate / "tests" / "page.rs").write_text(TRIAL, encoding="utf-8")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(tmp_path / "target")}
    command = ["cargo", "test", "--offline", "--package", "atc-featuregen", "--lib", "--test", "page"]
    run = subprocess.run(
        command, cwd=tmp_path / "rust", env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "the_page_s_family_computes ... ok" in run.stdout
