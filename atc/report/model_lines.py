"""What a stored model is, in aligned columns and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atc.models.checks import Check
from atc.models.profile import Profile
from atc.report.aligned import aligned
from atc.report.cells import DASH

_RESULTS = {True: "ok", False: "FAILED", None: "not checked"}
_SHOWN = ("null_share", "mean", "std", "min", "max")
_DIGITS = 12
"""Of a digest that are shown."""


def model_content(folder: Path, manifest: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """Everything that `model_lines` shows, and the manifest whole."""
    return {
        "folder": str(folder),
        "manifest": dict(manifest),
        "files": [
            {"file": name, "bytes": _size(folder / name), "sha256": digest}
            for name, digest in manifest["files"].items()
        ],
        "inputs": _inputs(manifest, profile),
    }


def model_lines(folder: Path, manifest: Mapping[str, Any], profile: Profile) -> list[str]:
    """The model of `folder`: what it is, how it did, its inputs, its files."""
    return [
        *aligned(_facts(folder, manifest), left=(0, 1)),
        "",
        *aligned([("validation", "value"), *_metrics(manifest)]),
        "",
        *aligned(_input_rows(manifest, profile), left=(1,)),
        "",
        *aligned(_file_rows(folder, manifest), left=(0, 2)),
    ]


def check_lines(checks: Sequence[Check]) -> list[str]:
    """A line a check, and how many passed."""
    lines = aligned([(one.name, _RESULTS[one.passed], one.said) for one in checks], left=(0, 1, 2))
    failed = sum(one.passed is False for one in checks)
    passed = sum(one.passed is True for one in checks)
    skipped = len(checks) - failed - passed
    end = f"{passed} checks passed" + (f", {skipped} had nothing to check with" if skipped else "")
    return [*lines, f"{failed} failed, {end}" if failed else end]


def _facts(folder: Path, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    fit, label = manifest["fit"], manifest["label"]
    first, last = manifest["train_range"]
    calibration = manifest.get("calibration")
    named = manifest.get("score_columns", manifest["scores"])
    kept = f"{fit['best_iteration']:,} of {fit['iterations']:,} iterations kept"
    converged = {True: ", converged", False: ", NOT converged", None: ""}[fit["converged"]]
    settings = ", ".join(f"{key} {value}" for key, value in manifest["model_config"].items() if key != "kind")
    constants = ", ".join(f"{key} {value}" for key, value in label.items() if key != "kind")
    gate = manifest.get("gate", {}).get("why")
    commit = manifest.get("git_commit")
    return [
        ("folder", str(folder)),
        ("model", f"{manifest['model_type']}, {manifest['role']} of its run; {settings}"),
        ("fit", f"{kept}{converged}"),
        *([("gate", str(gate))] if gate else []),
        ("label", f"{label['kind']}: {constants}"),
        ("trained on", f"{manifest['symbol']}, business days {first} to {last} (validation their last part)"),
        ("inputs", f"{len(manifest['features'])} of {manifest['feature_schema']}"),
        (
            "scores",
            f"{', '.join(named)}; calibration {calibration or 'none'}",
        ),
        ("made", f"{manifest['created_at']}, git {commit[:_DIGITS] if commit else 'unknown'}"),
        (
            "digests",
            f"config {manifest['config_digest'][:_DIGITS]}, data {manifest['data_digest'][:_DIGITS]}",
        ),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())),
        *[("note", note) for note in fit["notes"]],
    ]


def _metrics(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, DASH if value is None else f"{value:.4f}") for name, value in manifest["valid_metrics"].items()
    ]


def _inputs(manifest: Mapping[str, Any], profile: Profile) -> list[dict[str, Any]]:
    """Each input in order: what it contributed, and what it looked like in training."""
    fit = manifest["fit"]
    importance = {item["feature"]: item["value"] for item in fit["importance"]}
    return [
        {
            "feature": item["feature"],
            fit["importance_kind"]: importance.get(item["feature"]),
            **{key: value for key, value in item.items() if key in _SHOWN},
        }
        for item in profile["inputs"]
    ]


def _input_rows(manifest: Mapping[str, Any], profile: Profile) -> list[tuple[str, ...]]:
    kind = manifest["fit"]["importance_kind"]
    rows: list[tuple[str, ...]] = [("", "input", kind, "null", "mean", "std", "min", "max")]
    for number, item in enumerate(_inputs(manifest, profile), start=1):
        figures = (item[key] for key in (kind, *_SHOWN))
        rows.append((str(number), item["feature"], *map(_figure, figures)))
    return rows


def _file_rows(folder: Path, manifest: Mapping[str, Any]) -> list[tuple[str, ...]]:
    sizes = {name: _size(folder / name) for name in (*manifest["files"], "manifest.json")}
    rows: list[tuple[str, ...]] = [("file", "bytes", "SHA-256")]
    for name, size in sizes.items():
        told = "missing" if size is None else f"{size:,}"
        rows.append((name, told, str(manifest["files"].get(name, manifest["manifest_digest"]))[:_DIGITS]))
    rows.append(("together", f"{sum(size or 0 for size in sizes.values()):,}", ""))
    return rows


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _figure(value: float | None) -> str:
    return DASH if value is None else f"{value:.4g}"
