"""`reference/columns.md`: every feature column from its declaration, and every feature set."""

from __future__ import annotations

from markdown import code, page, prose, table

from atc.config.compose import Composer
from atc.features.declarations import declarations, schemas
from atc.features.sets import set_columns


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    composer = Composer()
    sets = {
        option: set_columns(composer.job([f"features={option}"]).config.features)
        for option in composer.options("features")
    }
    parts = [
        "# Feature columns",
        "Made from the declarations in `rust/atc-featuregen/src/families/`, as `uv run atc features list` "
        "prints them. m is the mid, a and b the best ask and bid, v and sv traded and signed volume, Q a "
        "depth; what each word means to the last corner stands in [readings](../readings.md), how they are "
        "computed in [features](../features.md).",
        "## Sets",
        table(
            ["`features=`", "columns", "schemas"],
            (
                [
                    code(name),
                    str(len(columns)),
                    ", ".join(dict.fromkeys(d.schema for d in declarations() if d.name in columns)),
                ]
                for name, columns in sets.items()
            ),
        ),
    ]
    for schema in schemas():
        parts += [
            f"## Schema `{schema.name}`",
            f"Version {schema.version}, {len(schema.columns)} columns, looks back {schema.lookback_s:,} s.",
            table(
                ["column", "family", "from", "looks back, s", "unit", "formula", "source", "in sets"],
                (
                    [
                        code(d.name),
                        d.family,
                        d.inputs,
                        "" if d.window_s is None else str(d.window_s),
                        prose(d.unit),
                        prose(d.formula),
                        prose(d.source),
                        ", ".join(code(name) for name, columns in sets.items() if d.name in columns),
                    ]
                    for d in declarations()
                    if d.schema == schema.name
                ),
            ),
        ]
    return {"columns.md": page(*parts)}
