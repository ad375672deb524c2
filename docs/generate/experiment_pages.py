"""`reference/experiments.md`: every experiment and sweep with its hypothesis and what it changes."""

from __future__ import annotations

from markdown import code, fenced, page, prose, table

from atc.config.compose import Composer
from atc.config.plugins import hypothesis
from atc.config.root import project_root


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    composer = Composer()
    root = project_root()
    parts = [
        "# Experiments and sweeps",
        "An experiment is a file of `experiments/` that says its hypothesis in the first line and then what "
        "differs from `conf/config.yaml`; a sweep is a list of jobs in `sweeps/`. `uv run python -m atc.run "
        "--help` prints this list too.",
    ]
    for group, command in (("experiment", "python -m atc.run"), ("sweep", "python -m atc.run -m")):
        options = composer.options(group)
        parts += [
            f"## `{command} +{group}=…`",
            table(
                [group, "what it is to show"],
                ([f"[`{option}`](#{option})", prose(hypothesis(root, group, option))] for option in options),
            ),
        ]
    for group in ("experiment", "sweep"):
        parts.append(f"## Files of {group}s")
        for option in composer.options(group):
            file = root.group_folder(group) / f"{option}.yaml"
            parts += [f"({option})=", f"### {code(option)}", fenced(file.read_text(encoding="utf-8"), "yaml")]
    return {"experiments.md": page(*parts)}
