"""The code of the two sides of a review: a run's own, a revision's, or that of this checkout."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atc.config.diff import revision_of
from atc.config.digest import RESULT_PACKAGES, code_digest, is_result_code
from atc.config.root import project_root
from atc.errors import UsageError
from atc.features.code_digest import same_code
from atc.tracking.run_files import CONFIG, read_manifest

_LOCK = "uv.lock"
_WHERE = ("atc", "rust", _LOCK)
HERE = "this checkout"


@dataclass(frozen=True)
class Code:
    """Of one side."""

    name: str
    """As a table has it."""
    commit: str | None = None
    """None: the files as they lie here, or a run whose code no commit has."""
    digest: str | None = None
    """Of a run; None: a revision, of which nobody has built the Rust, or this checkout, not asked yet."""


@dataclass(frozen=True)
class CodeDifference:
    """What differs of the code that makes results."""

    left: str
    right: str
    files: tuple[str, ...] | None
    """Paths in the checkout; None: only the digests differ, no commit says where."""
    worded: frozenset[str] = frozenset()
    """Those of `files` that differ in comments and docstrings alone: other runs, but what they compute is the
    same.
    """


def code_of(name: str) -> Code:
    """The code of a side as `atc.config.diff.load` takes it."""
    if (Path(name) / CONFIG).is_file():
        return _of_run(Path(name))
    revision = revision_of(name)
    if revision is None:
        return Code(HERE)
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit is None:
        raise UsageError(f"{revision}: git knows no such revision; expected a commit, a branch or a tag")
    return Code(commit.strip()[:10], commit.strip())


def code_difference(left: str, right: str) -> CodeDifference | None:
    """None where both sides have the same code, as far as it makes results."""
    a, b = code_of(left), code_of(right)
    if a == b:
        return None
    digests = [_digest(one) for one in (a, b) if a.digest or b.digest]
    if len(set(digests)) == 1 and digests[0]:
        return None
    files = _files(a, b)
    if files or files is None:
        worded = frozenset(file for file in files or () if _only_worded(file, a, b))
        return CodeDifference(a.name, b.name, files, worded)
    # Two digests also differ by what is installed, and by how the Rust was built.
    return CodeDifference(a.name, b.name, None) if digests and all(digests) else None


def _digest(code: Code) -> str | None:
    return code_digest() if code.name == HERE else code.digest


def _of_run(folder: Path) -> Code:
    manifest = read_manifest(folder)
    if manifest is None:
        return Code(HERE)  # a config without a run
    digest, git = manifest.get("code_digest"), manifest.get("git")
    commit = git.get("commit") if isinstance(git, dict) and git.get("dirty") is False else None
    name = f"code {str(digest)[:10]}" if digest else "unknown code"
    return Code(name, str(commit) if commit else None, str(digest) if digest else None)


def _files(a: Code, b: Code) -> tuple[str, ...] | None:
    """What differs between them and is in the digest of the code; None where git cannot say."""
    if any(one.commit is None and one.name != HERE for one in (a, b)):
        return None
    commits = [one.commit for one in (a, b) if one.commit]
    changed = _git("diff", "--name-only", "--no-renames", "--relative", *commits, "--", *_WHERE)
    untracked: str | None = ""
    if len(commits) == 1:
        untracked = _git("ls-files", "--others", "--exclude-standard", "--", *_WHERE)
    if changed is None or untracked is None:
        return None
    counted = [file for file in sorted({*changed.split("\n"), *untracked.split("\n")}) if file]
    found = [file for file in counted if is_result_code(file)]
    if _LOCK in counted and _versions(a) != _versions(b):
        found.append(_LOCK)
    return tuple(found)


def _only_worded(file: str, a: Code, b: Code) -> bool:
    if not file.endswith(".py"):
        return False
    texts = [_text(file, one) for one in (a, b)]
    try:
        return all(texts) and same_code(texts[0] or b"", texts[1] or b"")
    except SyntaxError:
        return False


def _versions(code: Code) -> dict[str, object]:
    """Of the packages whose arithmetic is in the results."""
    locked = tomllib.loads((_text(_LOCK, code) or b"").decode()).get("package", [])
    return {one["name"]: one.get("version") for one in locked if one["name"] in RESULT_PACKAGES}


def _text(file: str, code: Code) -> bytes | None:
    if code.commit is None:
        path = project_root().folder / file
        return path.read_bytes() if path.is_file() else None
    return _asked(["show", f"{code.commit}:./{file}"])


def _git(*words: str) -> str | None:
    """What git says in the project's folder; None where it fails."""
    told = _asked(words)
    return None if told is None else told.decode()


def _asked(words: Sequence[str]) -> bytes | None:
    folder = str(project_root().folder)
    try:
        done = subprocess.run(["git", "-C", folder, *words], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
