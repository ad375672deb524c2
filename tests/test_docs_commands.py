"""Every command of ATC that a page shows has words that ATC knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from docs_pages import (
    PROJECT,
    files_named,
    import_generators,
    keys_written,
    options_written,
    pages,
    recipes_named,
)
from docs_pages import commands as commands_in
from docs_pages import settings as settings_in
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from atc.cli import application
from atc.config.compose import Composer

HYDRA_FLAGS = {
    "-m",
    "--multirun",
    "--cfg",
    "--resolve",
    "--help",
    "--hydra-help",
    "-p",
    "--package",
    "--info",
}
PLACEHOLDER = re.compile(r"…|\.\.\.|^[A-Z][A-Z0-9_,:-]*$|=[A-Z][A-Z_]*$|\$|^[a-z_.]+=NAME$")
"""A word that stands for others: FILE…, data=NAME, $s."""
SIDE = re.compile(r"^[\w~:-]+ \S")
MADE = {"docs/reference"}
"""What the build makes."""
ENTRY = re.compile(r"\[\]|\.<")
"""Where the name of a key goes on into the entries of a list, or of a section by key."""
RANGE = re.compile(r"^(range|choice|sort|shuffle|interval|glob)\(")


@cache
def composer() -> Composer:
    return Composer()


@cache
def options() -> dict[str, set[str]]:
    """Of each group, with what pages say to add."""
    found = {group: set(composer().options(group)) for group in composer().groups()}
    for page in pages():
        for group, option in options_written(page):
            found.setdefault(group, set()).add(option)
    return found


@cache
def keys() -> set[str]:
    """Every key that a config can have, whatever its options, with the sections on the way."""
    import_generators()
    from config_pages import FIELDS, simulator_parameters
    from schema import keys_of, variants_of

    found = {f"data.scenario.{name}" for name, *_ in simulator_parameters()}
    for name, field in FIELDS.items():
        found.add(name)
        for variant in variants_of(field.annotation):
            found |= {f"{name}.{ENTRY.split(key.name)[0]}" for key in keys_of(variant, {})}
    for page in pages():
        for group, option in options_written(page):
            found |= {f"{group}.{key}" for key in keys_written(page, option)}
    return found | {key.rpartition(".")[0] for key in found}


@cache
def command_line() -> Any:
    return typer.main.get_command(application())


def wrong_with(words: list[str]) -> str | None:
    """What ATC would not understand."""
    if words[0] == "atc":
        return _wrong_command(words)
    return _wrong_overrides(words[3:])


def _wrong_command(words: list[str]) -> str | None:
    command, rest = command_line(), words[1:]
    while rest and hasattr(command, "commands"):
        if PLACEHOLDER.search(rest[0]) or rest[0] == "--help":
            return None
        if rest[0] not in command.commands:
            return f"no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    taking = {name for param in command.params for name in param.opts if not getattr(param, "is_flag", False)}
    settings, skip = [], False
    for word in rest:
        if skip or PLACEHOLDER.search(word):
            skip = False
        elif word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            if name not in known:
                return f"no option {name}"
            skip = name in taking and "=" not in word
        elif "=" in word:
            # An experiment with its overrides is one word of `atc config diff`.
            settings += word.split()[1:] if SIDE.match(word) else [word]
    if words[1:2] == ["simulate"]:  # whose words are those of the group data, said without it
        settings = [f"data{'/' if word.startswith('scenario=') else '.'}{word}" for word in settings]
    return _wrong_overrides(settings)


def wrong_setting(word: str) -> str | None:
    """What is wrong with a key, or with a key and its value."""
    key, equals, _ = word.partition("=")
    if equals:
        return _wrong_overrides([word])
    return None if PLACEHOLDER.search(key) or key.lstrip("+") in keys() else f"no key {key!r}"


def _wrong_overrides(words: list[str]) -> str | None:
    skip = False
    for word in words:
        if skip:
            skip = False
            continue
        if word.startswith("-"):
            if word not in HYDRA_FLAGS:
                return f"no flag {word}"
            skip = word in {"--cfg", "-p", "--package"}
            continue
        if PLACEHOLDER.search(word):
            continue
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException as failure:
            return str(failure).splitlines()[0]
        key = override.key_or_group
        if key in options():
            for value in re.split(r"[,|]", word.partition("=")[2]):
                if value and not RANGE.match(value) and value.strip("[]'") not in options()[key]:
                    return f"{key} has no option {value!r}"
        elif key not in keys() and not key.startswith("hydra"):
            return f"no key {key!r}"
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_commands_of_a_page_are_known(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wrong = [f"{' '.join(words)}: {why}" for words in commands_in(text) if (why := wrong_with(words))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_keys_and_options_that_a_page_speaks_of_are_known(page: Path) -> None:
    named = settings_in(
        page.read_text(encoding="utf-8"), {key.partition(".")[0] for key in keys()} | {*options()}
    )
    wrong = [f"{word}: {why}" for word in named if (why := wrong_setting(word))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_files_and_recipes_that_a_page_names_are_there(page: Path) -> None:
    missing = {path for path in files_named(page) if not (PROJECT / path).exists()} - MADE
    recipes = set(
        re.findall(r"^([a-z][a-z-]*)(?: [^:\n]*)?:(?!=)", (PROJECT / "justfile").read_text(), re.MULTILINE)
    )
    assert not missing | (recipes_named(page) - recipes)


def test_commands_are_found() -> None:
    page = (
        "```\nuv run atc doctor data=demo     how good\n$ ATC_EVENTS=x atc features build | cat\n```\n"
        "text `python -m atc.run +experiment=a b=1` and `atc`\n\n    atc model show A && atc model verify A\n"
    )
    assert [*commands_in(page)] == [
        ["atc", "doctor", "data=demo"],
        ["atc", "features", "build"],
        ["atc", "model", "show", "A"],
        ["atc", "model", "verify", "A"],
        ["python", "-m", "atc.run", "+experiment=a", "b=1"],
        ["atc"],
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("atc docter data=demo", "docter"),
        ("atc features buidl data=demo", "buidl"),
        ("atc compare outputs --markdwon", "--markdwon"),
        ("atc doctor data=dmeo", "dmeo"),
        ("python -m atc.run +experiment=gbdt_37feat", "gbdt_37feat"),
        ("python -m atc.run model.num_leafs=31", "num_leafs"),
        ("python -m atc.run label=hold10_oracle,hold10", "hold10"),
        ("python -m atc.run --multi", "--multi"),
    ],
)
def test_a_word_that_is_none_is_told(line: str, why: str) -> None:
    assert why in str(wrong_with(line.split()))


@pytest.mark.parametrize(
    ("text", "found", "why"),
    [
        ("set `label.horizon`, or", ["label.horizon"], "no key"),
        ("with `model=gbdt weights=unique`", ["model=gbdt", "weights=unique"], "no option 'unique'"),
        ("`label.horizon_s=60`", ["label.horizon_s=60"], None),
        ("`data.json`, `run.model`, `p_hold`", [], None),
        ("## What is refused\n\n`model.num_leafs=3`\n\n## Next\n", [], None),
    ],
)
def test_keys_in_running_text_are_found(text: str, found: list[str], why: str | None) -> None:
    named = [*settings_in(text, {"label", "model", "weights", "data"})]
    assert named == found
    wrong = [told for word in named if (told := wrong_setting(word))]
    assert (why in wrong[0]) if why else not wrong


def test_words_that_are_known_are_not() -> None:
    known: Callable[[str], str | None] = lambda line: wrong_with(line.split())  # noqa: E731
    assert (
        known("python -m atc.run -m +experiment=gbdt_36feat model.num_leaves=31,63 data=demo,demo_null")
        is None
    )
    assert known("python -m atc.run data.scenario.volatility_step=0.2 gate=… experiment=NAME") is None
    assert known("atc features status data=demo --from 2025-01-06 --columns") is None
    assert wrong_with(["atc", "config", "diff", "main:gbdt_36feat seed=2", "gbdt_36feat"]) is None
