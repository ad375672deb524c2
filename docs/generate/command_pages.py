"""`reference/commands.md`: every command with its words, from the command line itself; and the exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from markdown import code, fenced, page, paragraphs, prose, table

from atc.cli import application
from atc.config.compose import Composer
from atc.config.entry import INTERRUPTED, main_with
from atc.config.help import help_text
from atc.errors import AtcError


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    return {"commands.md": _commands(), "exit_codes.md": _exit_codes()}


def commands(command: Any, words: tuple[str, ...] = ("atc",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below `command`, groups before what is in them."""
    yield words, command
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, (*words, name))


def _commands() -> str:
    parts = [
        "# Commands",
        "`python -m atc.run` makes runs; everything around it is `atc …` (`uv run atc …` in a checkout). "
        "`--help` after any of them says what stands here.",
        "## `python -m atc.run`",
        fenced(help_text(Composer()).split("\nGroups, group=option:")[0]),
        "The groups and their options: [config](config/index.md); the files: [experiments and "
        "sweeps](experiments.md).",
    ]
    for words, command in commands(typer.main.get_command(application())):
        if len(words) == 1:
            continue
        line = " ".join(words)
        parts.append(f"{'#' * min(len(words), 4)} {code(line)}")
        parts.append(paragraphs(re.sub(r"\f.*", "", command.help or "", flags=re.DOTALL)))
        if hasattr(command, "commands"):
            continue
        parts.append(fenced(f"{line} {' '.join(map(_usage, command.params))}".rstrip()))
        parts.append(
            table(
                ["word", "default", "what it says"],
                ([_word(one), _default(one), prose(one.help or "")] for one in command.params if _shown(one)),
            )
            if any(map(_shown, command.params))
            else ""
        )
    return page(*parts)


def _shown(param: Any) -> bool:
    return not getattr(param, "hidden", False) and param.name != "help"


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _usage(param: Any) -> str:
    if param.param_type_name == "argument":
        many = "…" if param.nargs != 1 and not _metavar(param).endswith("...") else ""
        word = f"{_metavar(param).replace('...', '…')}{many}"
        return word if param.required else f"[{word}]"
    word = param.opts[0] if param.is_flag else f"{param.opts[0]} {_metavar(param)}"
    return word if param.required else f"[{word}]"


def _word(param: Any) -> str:
    if param.param_type_name == "argument":
        return code(_metavar(param))
    names = "/".join([*param.opts, *param.secondary_opts])
    return code(names if param.is_flag else f"{names} {_metavar(param)}")


def _default(param: Any) -> str:
    value = param.default
    if param.required or value is None or value is False or callable(value) or value == []:
        return ""
    return code(str(value))


def _exit_codes() -> str:
    kinds = [AtcError, *_below(AtcError)]
    rows = [
        [str(kind.exit_code), code(kind.__name__), prose((kind.__doc__ or "").strip().split("\n\n")[0])]
        for kind in sorted(kinds, key=lambda kind: (kind.exit_code, kind.__name__))
    ]
    return page(
        "# Exit codes",
        "Of `python -m atc.run` and of every `atc` command:",
        table(
            ["code", "what it means"],
            [
                ["0", "done"],
                ["1", "failed: the message says why; of a multirun, at least one job"],
                ["2", "wrong usage or config: nothing was started"],
                [str(INTERRUPTED), "interrupted (Ctrl-C); the same command goes on"],
            ],
        ),
        paragraphs(main_with.__doc__ or ""),
        "## Failures that are told in words",
        "Each is raised where the cause is known, and shown as its message alone; any other failure is a "
        "bug and shows its traceback.",
        table(["code", "class", "when"], rows),
    )


def _below(kind: type[AtcError]) -> Iterator[type[AtcError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
