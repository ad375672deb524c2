"""The pages of docs/ as tests read them: their code, the commands in it, and what a page says to write."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
GENERATE = DOCS / "generate"

_FENCED = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    \S.*\n?)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_COLUMN = re.compile(r"\s{2,}|\s#\s.*")
_VARIABLE = re.compile(r"^[A-Z_]+=\S*$")
_JOINT = re.compile(r"\s(?:&&|\|\||\||;)\s|;\s")
_SETTING = re.compile(r"^'?\+{0,2}([a-z_]+)(?:/[a-z_/]+)?[.=]")
_WRONG = re.compile(r"^## What is refused.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
"""A section whose words are wrong, and say what is said of them."""
_FILES_END = re.compile(
    r"\.(?:csv|html|json|jsonl|md|npy|npz|onnx|parquet|png|py|pyi|rs|safetensors|txt|yaml|yml)$"
)
_FILE = re.compile(r"(?<![\w./<-])((?:atc|conf|docs|experiments|rust|sweeps|tests)/[\w./-]*\w)(?![\w<*{…-])")
_RECIPE = re.compile(r"(?:`|^|\s{4})just ([a-z][a-z-]*)", re.MULTILINE)
REFUSED = "refused"
"""After the language of a block: its commands are wrong, and the page shows what is said of them."""
PROGRAMS = (["atc"], ["python", "-m", "atc.run"])


def pages() -> list[Path]:
    """Every page that is written by hand."""
    found = [
        *DOCS.glob("*.md"),
        *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ]
    return sorted(found)


def import_generators() -> None:
    """Makes the modules of docs/generate importable, as docs/conf.py does."""
    if str(GENERATE) not in sys.path:
        sys.path.insert(0, str(GENERATE))


@dataclass(frozen=True)
class Block:
    """A fenced block; of `python file=x.py` the file is x.py."""

    language: str
    file: str | None
    code: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for info, code in _FENCED.findall(page.read_text(encoding="utf-8")):
        words = info.split()
        files = [word.removeprefix("file=") for word in words[1:] if word.startswith("file=")]
        found.append(Block(words[0] if words else "", files[0] if files else None, code))
    return found


def follow(page: Path, root: Path) -> None:
    """Does what the page says: writes the files of its blocks, and applies its differences."""
    for block in blocks(page):
        if block.file is None:
            continue
        path = root / block.file
        if block.language != "diff":
            assert not path.exists(), f"{page.name}: {block.file} is there already"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
            continue
        lines = block.code.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{page.name}: this is not in {block.file}, or not once:\n{before}"
        path.write_text(text.replace(before, after), encoding="utf-8")


def copy_of_the_project(to: Path) -> Path:
    """A checkout without its history, its builds and its tests."""
    for name in ("atc", "conf", "experiments", "sweeps"):
        shutil.copytree(PROJECT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "_bundled"))
    return to


def options_written(page: Path) -> Iterator[tuple[str, str]]:
    """(group, option) of the config files that a page says to write."""
    for block in blocks(page):
        if block.file is None or not block.file.endswith(".yaml"):
            continue
        folder, _, option = block.file.removesuffix(".yaml").rpartition("/")
        yield (
            {"experiments": "experiment", "sweeps": "sweep"}.get(folder, folder.removeprefix("conf/")),
            option,
        )


def keys_written(page: Path, option: str) -> set[str]:
    """The keys of a config file that a page says to write."""
    return {
        key
        for block in blocks(page)
        if block.file is not None and block.file.endswith(f"/{option}.yaml")
        for key in yaml.safe_load(block.code)
    }


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of ATC in the code of a page; what stands for a word is left as it is."""
    code = [body for info, body in _FENCED.findall(text) if REFUSED not in info.split()]
    rest = _FENCED.sub("", text)
    code += _INDENTED.findall(rest)
    lines = [line for body in code for line in body.replace("\\\n", " ").splitlines()]
    for line in [*lines, *_INLINE.findall(rest)]:
        for part in _JOINT.split(_COLUMN.split(line.strip().removeprefix("$ "))[0]):
            words = _words(part)
            if words is not None:
                yield words


def settings(text: str, sections: set[str]) -> Iterator[str]:
    """The words in running text that name a key or option of `sections`: `label.horizon_s`, `data=demo`."""
    running = _WRONG.sub("", _INDENTED.sub("", _FENCED.sub("", text)))
    for code in _INLINE.findall(running):
        try:
            words = shlex.split(code)
        except ValueError:
            continue
        if any(words[: len(program)] == program for program in PROGRAMS):
            continue  # a command, which `commands` gives
        for word in words:
            found = _SETTING.match(word)
            if found and found[1] in sections and not _FILES_END.search(word):
                yield word.rstrip(".,;:")


def files_named(page: Path) -> set[str]:
    """The files and folders of the project that a page names, but for those that some page says to write."""
    text = page.read_text(encoding="utf-8")
    written = {block.file for one in pages() for block in blocks(one)}
    return {path.rstrip("/") for path in _FILE.findall(text)} - {str(file) for file in written}


def recipes_named(page: Path) -> set[str]:
    """The recipes of the justfile that a page names."""
    return set(_RECIPE.findall(page.read_text(encoding="utf-8")))


def _words(line: str) -> list[str] | None:
    try:
        words = shlex.split(line)
    except ValueError:  # half a quotation is no command
        return None
    while words and (_VARIABLE.match(words[0]) or words[0] in {"time", "do"}):
        words = words[1:]
    if words[:2] == ["uv", "run"]:
        words = words[2:]
        while words and words[0].startswith("--"):
            words = words[2:] if words[0] in {"--group", "--extra"} else words[1:]
    return words if any(words[: len(program)] == program for program in PROGRAMS) else None
