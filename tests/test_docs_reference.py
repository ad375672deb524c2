"""The reference is made of what is declared: nothing that is declared is missing in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer
from docs_pages import DOCS, import_generators
from pydantic import Field

import atc
from atc.cli import application
from atc.config.compose import Composer
from atc.config.plugins import PRESET_GROUPS
from atc.config.slices import Float, Slice
from atc.features.declarations import declarations


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a config; a list is a value."""
    for key, value in values.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


@cache
def reference() -> dict[str, str]:
    import_generators()
    from site_pages import reference_pages

    return reference_pages()


def test_every_key_of_every_option_has_a_row() -> None:
    composer = Composer()
    rows = {name.removeprefix("config/").removesuffix(".md"): text for name, text in reference().items()}
    for key in flat(composer.job(()).config.model_dump(mode="json")):
        group = key.partition(".")[0]
        shared = {"features", "model"} & set(key.split(".")[1:2]) if group == "baseline" else set()
        page = rows[next(iter(shared))] if shared else rows.get(group, rows["index"])
        name = ".".join(key.split(".")[1:]) if shared else key
        assert f"`{name}`" in page, key


def test_every_group_and_option_is_there() -> None:
    composer = Composer()
    text = "\n".join(reference().values())
    for group in composer.groups():
        for option in composer.options(group):
            assert f"`{option}`" in text or f"`{group}={option}`" in text, f"{group}={option}"
        assert group in PRESET_GROUPS or f"{group.partition('/')[0]}.md" in reference()["config/index.md"]


def test_defaults_ranges_types_and_words_are_those_of_the_schema() -> None:
    page = reference()["config/model.md"]
    row = next(line for line in page.splitlines() if line.startswith("| `model.num_leaves`"))
    assert row.split(" | ")[1:4] == ["whole number", "`63`", "≥ 2, ≤ 131,072"]
    row = next(line for line in page.splitlines() if line.startswith("| `model.histogram`"))
    assert "`row` · `col`" in row and "not chosen by a timing" in row
    assert "| `model.trainer.gradient_clip` | number or `null` | `null` | > 0 |" in page
    assert "| `protocol.gate.max_gap` | number | `0.03` | > 0, < 1 |" in reference()["config/protocol.md"]
    assert "`cost.fees[].taker_bps`" in reference()["config/cost.md"]


def test_sections_that_may_be_absent_and_entries_by_key_are_told() -> None:
    import_generators()
    from schema import keys_of

    class Entry(Slice):
        low: Float = Field(default=0.0, ge=0)
        """The least."""

    class Whole(Slice):
        space: dict[str, Entry]
        one: Entry | None = None

    told = {key.name: (key.kind, key.default, key.bounds) for key in keys_of(Whole, {})}
    assert told == {
        "space": ("section, an entry a key", "", ""),
        "space.<key>.low": ("number", "0", "≥ 0"),
        "one": ("section or `null`", "null", ""),
        "one.low": ("number", "0", "≥ 0"),
    }


def test_the_simulator_s_parameters_are_all_there() -> None:
    from atc.config.scenario import simulator_fields

    page = reference()["config/data.md"]
    for name in simulator_fields(int, float):
        if name != "market":
            assert f"| `data.scenario.{name}` |" in page, name


def test_every_column_is_there() -> None:
    page = reference()["columns.md"]
    for declared in declarations():
        assert page.count(f"| `{declared.name}` |") == 1


def test_every_command_and_option_is_there() -> None:
    import_generators()
    from command_pages import commands

    page = reference()["commands.md"]
    for words, command in commands(typer.main.get_command(application())):
        if len(words) > 1:
            assert f"# `{' '.join(words)}`" in page
        for param in command.params:
            for option in param.opts if param.param_type_name == "option" else ():
                assert option == "--help" or f"{option}" in page


@pytest.mark.parametrize("name", sorted(atc.__all__))
def test_the_names_of_the_package_are_there(name: str) -> None:
    assert f"## `atc.{name}`" in reference()["python.md"]


def test_exit_codes_are_those_of_the_failures() -> None:
    page = reference()["exit_codes.md"]
    assert "| 1 | `DataError` |" in page
    assert "| 2 | `UsageError` |" in page
    assert "| 130 | interrupted" in page


def test_the_navigation_lists_every_page_once() -> None:
    import_generators()
    import site_pages

    tree = site_pages.with_navigation((DOCS / "index.md").read_text(encoding="utf-8"))
    listed = [
        line for block in tree.split(":caption:")[1:] for line in block.split("```")[0].splitlines()[2:]
    ]
    listed = [line for line in listed if line]
    assert len(listed) == len(set(listed))
    written = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    made = {f"reference/{name.removesuffix('.md')}" for name in reference() if name.count("/") == 0}
    assert set(listed) == written | made | {"reference/config/index"}


def test_a_link_out_of_the_docs_is_the_path_and_one_to_nowhere_is_refused() -> None:
    import_generators()
    import site_pages

    page = DOCS / "events.md"
    told = site_pages.with_paths_for_links("[the schema](../atc/events/schema.py), [cache](cache.md)", page)
    assert told == "the schema (`atc/events/schema.py`), [cache](cache.md)"
    with pytest.raises(ValueError, match="nowhere"):
        site_pages.with_paths_for_links("[x](../atc/gone.py)", page)
