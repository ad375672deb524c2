"""Feature schemas: versions are raised with the code, and only what is asked for is computed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations

import pytest
from engine_face import pushed, same_bits
from reference.events import Spec
from streams import SPECS, TASTES, nasty_stream
from typer.testing import CliRunner

from atc.cli import application
from atc.features.declarations import feature_schema, known_columns, schemas, schemas_of
from atc.features.golden_schemas import GOLDEN, changed_without_version, kept_code, write_golden

NAMES = tuple(schema.name for schema in schemas())


def test_a_formula_does_not_change_without_its_version() -> None:
    forgotten = changed_without_version(json.loads(GOLDEN.read_text(encoding="utf-8")), kept_code())
    assert not forgotten, (
        f"the code behind {', '.join(forgotten)} has changed: raise `version` in "
        "rust/atc-featuregen/src/families/<schema>.rs and build, or, where every value stays as it is, only "
        "say so: atc features schemas --write --same-values"
    )


def test_the_golden_file_is_of_this_build() -> None:
    assert json.loads(GOLDEN.read_text(encoding="utf-8")) == kept_code(), "run `atc features schemas --write`"


def test_code_that_changes_is_noticed_and_a_raised_version_is_enough() -> None:
    old = {"core": {"version": 1, "code": "a"}, "ofi": {"version": 3, "code": "b"}}
    edited = {"core": {"version": 1, "code": "x"}, "ofi": {"version": 4, "code": "y"}}
    assert changed_without_version(old, edited) == ["core"]
    assert changed_without_version(old, old | {"new": {"version": 1, "code": "c"}}) == []
    # A version that falls would make old files look new.
    assert changed_without_version(old, old | {"ofi": {"version": 2, "code": "b"}}) == ["ofi"]


def test_the_golden_file_is_not_written_over_a_forgotten_version(tmp_path) -> None:
    from atc.errors import UsageError

    file = tmp_path / "schemas.json"
    write_golden(file)
    assert json.loads(file.read_text()) == kept_code()
    found = kept_code()
    found["core"] = {**found["core"], "code": "of another time"}
    file.write_text(json.dumps(found))
    with pytest.raises(UsageError, match="core"):
        write_golden(file)
    write_golden(file, same_values=True)
    assert json.loads(file.read_text()) == kept_code()


def test_the_command_names_every_schema() -> None:
    said = CliRunner().invoke(application(), ["features", "schemas"])
    assert said.exit_code == 0, said.output
    assert all(name in said.output for name in NAMES)


def test_schemas_hold_every_column_once_in_order() -> None:
    assert [name for schema in schemas() for name in schema.columns] == list(known_columns())


def test_records_name_the_schemas_of_the_columns_used() -> None:
    version = {schema.name: schema.version for schema in schemas()}
    assert feature_schema(["rv_5s"]) == f"core-{version['core']}"
    assert feature_schema(["tk_rv_5s", "rv_5s"]) == f"core-{version['core']}+ticker-{version['ticker']}"
    assert [schema.name for schema in schemas_of(["tk_rv_5s"])] == ["ticker"]


@pytest.mark.parametrize("sampling", ["trade", "book"])
def test_a_column_does_not_depend_on_what_else_is_computed(sampling: str) -> None:
    steps = nasty_stream(3, 500, TASTES[1])
    spec = replace(SPECS[1], sampling=sampling)
    whole = pushed(steps, replace(spec, schemas=NAMES))
    assert whole.schema.names[3:] == list(known_columns())
    chosen = [names for size in (1, 2) for names in combinations(NAMES, size)]
    for names in chosen:
        part = pushed(steps, replace(spec, schemas=names))
        assert same_bits(part, whole.select(part.schema.names)), names
        columns = [name for schema in schemas() if schema.name in names for name in schema.columns]
        assert part.schema.names[3:] == columns


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "expected some of core"),
        (("ticker", "core"), "in this order"),
        (("core", "core"), "each once"),
        (("cores",), "there is no feature schema 'cores'; there are core"),
    ],
)
def test_schemas_that_cannot_be_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pushed([], Spec(schemas=names))
