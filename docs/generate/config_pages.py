"""`reference/config/`: a page a group with every key of its schema, and every option as its file has it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping

from markdown import code, fenced, page, paragraphs, prose, table
from schema import Key, Model, default_of, keys_of, variants_of, words, words_below

from atc.config.compose import Composer
from atc.config.launcher import Launching
from atc.config.plugins import PRESET_GROUPS
from atc.config.root import project_root
from atc.config.schema import RunConfig

FIELDS = {**RunConfig.model_fields, **Launching.model_fields}
"""The sections of a composed config: those of a run, and those of a whole sweep."""
_SIMULATOR = re.compile(r"((?:^ +///[^\n]*\n)+)^ +(\w+): [^=;]+ = (.+?), (\w+);$", re.MULTILINE)


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    composer = Composer()
    groups = [group for group in composer.groups() if group not in PRESET_GROUPS]
    fields = {name: variants_of(field.annotation) for name, field in FIELDS.items()}
    own = {model: name for name, models in fields.items() for model in models}
    made = {
        f"config/{name}.md": _group_page(composer, name, models, own, groups)
        for name, models in fields.items()
        if models
    }
    made["config/index.md"] = _overview(composer, fields, groups)
    return made


def options_of(composer: Composer, group: str) -> list[str]:
    """The options of a group, without what is no choice of its own."""
    return [option for option in composer.options(group) if not option.startswith("_")]


def _overview(composer: Composer, fields: Mapping[str, tuple[Model, ...]], groups: list[str]) -> str:
    told = {**words_below(RunConfig), **words_below(Launching)}
    defaults = composer.job(()).choices
    rows = []
    for name, models in fields.items():
        options = options_of(composer, name) if name in groups else []
        chosen = defaults.get(name)
        shown = ", ".join(f"**`{one}`**" if one == chosen else code(one) for one in options)
        # A choice of several kinds is told by the module that they are in.
        said = models[0].__doc__ if len(models) == 1 else models and sys.modules[models[0].__module__].__doc__
        if models:
            rows.append([f"[`{name}`]({name}.md)", shown, prose(_first_line(said or ""))])
    plain = [
        [code(name), *_plain(name), prose(told.get(name, ""))]
        for name, models in fields.items()
        if not models
    ]
    return page(
        "# Config",
        "A run is described by one config: `conf/config.yaml`, in which each group below is a folder of "
        "options, then the experiment, then what the command line says. `group=option` chooses a file, "
        "`group.key=value` sets a key; `uv run atc config show EXPERIMENT` prints the whole of it, `uv run "
        "atc config validate --all` checks every file. Unknown keys, values out of range and combinations "
        "that make no sense are errors that name the nearest valid spelling. In bold: the default option.",
        table(["group", "options", "what it says"], rows),
        "## Keys at the top",
        table(["key", "type", "default", "range", "what it says"], plain),
        _toctree([name for name, models in fields.items() if models]),
    )


def _plain(name: str) -> tuple[str, str, str]:
    field = FIELDS[name]
    kind, bounds = words(field.annotation, field.metadata)
    return kind, code(default_of(field)) if default_of(field) else "", bounds


def _group_page(
    composer: Composer, name: str, models: tuple[Model, ...], own: Mapping[Model, str], groups: list[str]
) -> str:
    elsewhere = {model: group for model, group in own.items() if group != name}
    parts = [f"# `{name}`"]
    if len(models) == 1:
        parts.append(paragraphs(models[0].__doc__ or ""))
    below = [group for group in groups if group == name or group.startswith(f"{name}/")]
    if below:
        parts.append(
            "Options: "
            + "; ".join(
                ", ".join(code(f"{group}={option}") for option in options_of(composer, group))
                for group in below
            )
            + "."
        )
    parts.append("## Keys")
    for model in models:
        keys = [*keys_of(model, elsewhere)]
        if len(models) > 1:
            parts += [f"### {_kinds(model)}", paragraphs(model.__doc__ or "")]
        parts.append(_key_table(name, keys))
        if any(key.name.startswith("scenario.") for key in keys):
            parts += ["#### Parameters of a scenario", _simulator_parameters()]
    for group in below:
        folder = project_root().conf / group
        parts.append(f"## Options of `{group}`")
        for option in options_of(composer, group):
            file = folder / f"{option}.yaml"
            parts += [f"### `{group}={option}`", fenced(file.read_text(encoding="utf-8"), "yaml")]
    return page(*parts)


def _kinds(model: Model) -> str:
    field = model.model_fields.get("kind")
    return words(field.annotation)[0] if field is not None else model.__name__


def _key_table(group: str, keys: list[Key]) -> str:
    return table(
        ["key", "type", "default", "range", "what it says"],
        (
            [
                code(f"{group}.{key.name}"),
                key.kind,
                code(key.default) if key.default else "",
                key.bounds,
                prose(key.text),
            ]
            for key in keys
            if not (key.name.startswith("scenario.") and key.name != "scenario.name")
        ),
    )


def simulator_parameters() -> Iterator[tuple[str, str, str, str]]:
    """Name, default, range and words of each parameter, from its declaration in Rust."""
    file = project_root().folder / "rust" / "atc-sim" / "src" / "params.rs"
    source = file.read_text(encoding="utf-8")
    ranges = dict(re.findall(r"fn (\w+)\(x: f64\) -> Refused \{\n.*?then_some\(\"(.+?)\"\)", source))
    from atc.config.scenario import simulator_fields

    settable = simulator_fields(int, float)
    for doc, name, default, bounds in _SIMULATOR.findall(source):
        if name in settable:
            text = " ".join(line.strip().removeprefix("///").strip() for line in doc.splitlines())
            plain = default.replace("_", "").replace("None", "null")
            yield name, plain, ranges.get(bounds, bounds), text


def _simulator_parameters() -> str:
    return page(
        "The short names in the words are those of the sources at the head of `rust/atc-sim/src/params.rs`.",
        table(
            ["key", "default", "range", "what it says"],
            (
                [code(f"data.scenario.{name}"), code(default), bounds, prose(text)]
                for name, default, bounds, text in simulator_parameters()
            ),
        ),
    ).rstrip()


def _first_line(text: str) -> str:
    return text.strip().split("\n\n")[0]


def _toctree(names: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
