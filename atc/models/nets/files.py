"""A net as files: its weights as safetensors, all of it as ONNX, and a JSON that says what they are of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save

from atc.config.nets import Net
from atc.errors import DataError
from atc.models.base import Scores
from atc.models.nets.batches import read as read_rows
from atc.models.nets.checkpoint import Tensors, weights_of
from atc.models.nets.export import TOLERANCE, onnx_bytes, onnx_scores
from atc.models.nets.scores import few_rows
from atc.models.nets.state import NetState
from atc.protocol.row_runs import FloatMatrix, Matrix
from atc.protocol.row_windows import RowWindows

FILE_FORMAT = "atc-net-1"

Predict = Callable[[Matrix], Scores]


def write(state: NetState, config: Net, directory: Path, stem: str, predict: Predict) -> tuple[str, ...]:
    """Writes `<stem>.safetensors`, `<stem>.onnx` and `<stem>.json`; their names.

    Raises DataError where onnxruntime does not give the scores that `predict` gives.
    """
    weights, graph, content = (directory / f"{stem}.{end}" for end in ("safetensors", "onnx", "json"))
    length = config.length
    graph.write_bytes(onnx_bytes(state.network, length, state.features, state.score_names))
    found = apart(graph, few_rows(state.standardiser, length + 31), length, predict)
    if not found <= TOLERANCE:
        raise DataError(
            f"{graph}: onnxruntime's scores differ from the model's by {found:.1e}, {TOLERANCE:.0e} is "
            "allowed; the model is not saved"
        )
    weights.write_bytes(save(weights_of(state.network), {"format": FILE_FORMAT}))
    described = {
        "format": FILE_FORMAT,
        "config": config.model_dump(mode="json"),
        "heads": list(state.heads),
        "classes": state.classes,
        "scores": list(state.score_names),
        **state.standardiser.content(state.features),
    }
    content.write_text(json.dumps(described, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return weights.name, graph.name, content.name


def read(directory: Path, names: Iterable[str]) -> tuple[dict[str, Any], Tensors]:
    """What the JSON file says and the weights, of the files `names` that `write` wrote.

    Raises DataError for another format.
    """
    files = {Path(name).suffix: directory / name for name in names}
    content: dict[str, Any] = json.loads(files[".json"].read_text(encoding="utf-8"))
    if content.get("format") != FILE_FORMAT:
        raise DataError(f"{files['.json']}: format {content.get('format')!r}, {FILE_FORMAT!r} was expected")
    return content, load_file(files[".safetensors"])


def apart(graph: Path, rows: FloatMatrix, length: int, predict: Predict) -> float:
    """The largest difference between the scores of the ONNX file and those of `predict`, on the rows (m, k),
    or, with a length above 1, the windows that end at them.
    """
    x: Matrix = rows
    if length > 1:
        x = RowWindows.ending_at(rows, np.arange(length - 1, len(rows)), length)
    given = np.ascontiguousarray(read_rows(x, 0, len(x), length))
    return float(np.abs(onnx_scores(graph, given) - predict(x)).max())
