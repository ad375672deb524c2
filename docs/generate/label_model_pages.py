"""`reference/labels.md` and `reference/models.md`: every kind with its keys and who uses it."""

from __future__ import annotations

from collections.abc import Mapping

from markdown import code, page, paragraphs, prose, table
from schema import variants_of, words

from atc.config.compose import Composer
from atc.config.root import project_root
from atc.config.schema import RunConfig
from atc.labels.definitions import fit_label, label_spec


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    composer = Composer()
    experiments = {
        name: composer.job([f"+experiment={name}"]).config for name in composer.options("experiment")
    }
    return {"labels.md": _labels(composer, experiments), "models.md": _models(composer, experiments)}


def _labels(composer: Composer, experiments: Mapping[str, RunConfig]) -> str:
    import numpy as np

    rows = []
    for option in composer.options("label"):
        further = ["model=ridge", "baseline=ridge_13feat"] if option == "fwd_logret" else []
        label = composer.job([f"label={option}", *further]).config.label
        # Classes do not depend on the returns; some are needed to fit the constants of those that have any.
        heads = len(label_spec(label).names)
        classes = fit_label(label, np.ones((2, heads)), np.ones(2)).classes
        rows.append(
            [
                code(f"label={option}"),
                ", ".join(classes) or "none: a return",
                ", ".join(f"{horizon:g}" for horizon in label.all_horizons_s),
                prose(_first(label.__class__)),
                _users(name for name, config in experiments.items() if config.label.kind == label.kind),
            ]
        )
    return page(
        "# Labels",
        "What each asks, and the traps: [labels](../labels.md). Keys and files: [`label`](config/label.md).",
        table(["option", "classes, by code", "horizons, s", "what it is", "experiments"], rows),
    )


def _models(composer: Composer, experiments: Mapping[str, RunConfig]) -> str:
    parts = [
        "# Models",
        "What each is, and what it has shown: [models](../models.md). Keys and files: "
        "[`model`](config/model.md).",
    ]
    folder = project_root().conf / "model"
    options = composer.options("model")
    kinds = {option: _kind_in(folder / f"{option}.yaml") for option in options}
    rows = []
    for model in variants_of(RunConfig.model_fields["model"].annotation):
        kind = words(model.model_fields["kind"].annotation)[0].strip("`")
        rows.append(
            [
                code(kind),
                ", ".join(code(f"model={option}") for option in options if kinds[option] == kind),
                prose(_first(model)),
                _users(name for name, config in experiments.items() if config.model.kind == kind),
            ]
        )
    parts.append(table(["kind", "options", "what it is", "experiments"], rows))
    return page(*parts)


def _kind_in(file: object) -> str:
    import yaml

    return str(yaml.safe_load(file.read_text(encoding="utf-8"))["kind"])  # type: ignore[attr-defined]


def _first(thing: type) -> str:
    return paragraphs(thing.__doc__ or "").split("\n\n")[0]


def _users(names: object) -> str:
    return ", ".join(f"[`{name}`](experiments.md#{name})" for name in names)  # type: ignore[attr-defined]
