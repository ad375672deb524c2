"""What makes a run the same run: digests of its config, of its code, and of both with data and schemas.

All digests are SHA-256 in hex over a canonical text, so they are equal on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from atc.config.schema import RunConfig
from atc.errors import AtcError
from atc.installed import installed_version

# What does not change a result: where files lie, who is told, how the terminal looks, which data are refused,
# what was hoped for.
OUTSIDE_THE_DIGEST = frozenset({"paths", "plan", "quality", "tracking", "runtime"})

# Names for people. The experiment's own `name` counts: it names the run folder, and two experiments that mean
# the same are still two.
LABELS = frozenset({"data.name", "features.name", "baseline.features.name"})

# Facts that only the checks of the data look at.
CHECKED_ONLY = frozenset({"data.largest_order"})

# Packages whose arithmetic is in the results.
RESULT_PACKAGES = ("lightgbm", "lightning", "numpy", "polars", "pyarrow", "torch")

# Python that reads results but does not make them.
_NOT_RESULT_CODE = frozenset({"cli", "report", "review", "run_sweep.py", "sweep", "tracking"})


def config_digest(config: RunConfig) -> str:
    """Digest of everything in the config that can change a result.

    Independent of the order of keys and of the spelling of numbers (300 and 300.0, 0.01 and 1e-2).
    """
    values = config.model_dump(mode="json", exclude=set(OUTSIDE_THE_DIGEST))
    for label in LABELS | CHECKED_ONLY:
        *above, leaf = label.split(".")
        part = values
        for key in above:
            part = part[key]
        del part[leaf]
    return _digest(values)


def run_id(
    *,
    config_digest: str,
    data_digest: str,
    feature_schema: str,
    label_schema: str,
    code_digest: str,
    members: str = "",
) -> str:
    """Identity of a run: equal exactly when config, data, feature and label schema, and code are, and of an
    ensemble its members, of which `members` is the digest.
    """
    return _digest(
        {
            "config": config_digest,
            "data": data_digest,
            "features": feature_schema,
            "labels": label_schema,
            "code": code_digest,
            **({"members": members} if members else {}),
        }
    )


def code_digest() -> str:
    """Digest of what computes: the Python sources that make results, the sources and locked crates of the
    loaded Rust extension, and the installed versions of the packages whose arithmetic is in the results.

    Raises `AtcError` where the extension is older than its build digest.
    """
    from atc import _rust

    build = getattr(_rust, "BUILD_DIGEST", None)
    if not isinstance(build, str) or not build:
        raise AtcError(
            "the Rust extension atc._rust has no BUILD_DIGEST: it is older than the sources; "
            "rebuild it with `uv sync --reinstall-package atc`"
        )
    package = Path(__file__).resolve().parent.parent
    sources = {
        path.relative_to(package).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in package.rglob("*.py")
        if is_result_code(f"atc/{path.relative_to(package).as_posix()}")
    }
    versions = {name: installed_version(name) for name in RESULT_PACKAGES}
    return _digest({"python": sources, "rust": build, "packages": versions})


def is_result_code(path: str) -> bool:
    """Whether the file at `path` of the checkout, such as `atc/run.py`, is in the digest of the code. The
    lock file of Python is not: only the versions of `RESULT_PACKAGES` are.
    """
    top, *below = path.split("/")
    if top == "atc":
        return path.endswith(".py") and below[0] not in _NOT_RESULT_CODE
    return path == "rust/Cargo.lock" or (top == "rust" and len(below) > 2 and below[1] == "src")


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
