"""A net as files: its weights as safetensors, all of it as ONNX, and a JSON that says what they are of."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save

from atc.config.nets import Net
from atc.errors import DataError
from atc.models.checks import Check
from atc.models.nets.batches import read as read_rows
from atc.models.nets.checkpoint import Tensors, weights_of
from atc.models.nets.export import TOLERANCE, onnx_bytes, onnx_scores
from atc.models.nets.predicting import network_scores
from atc.models.nets.scores import few_rows
from atc.models.nets.state import NetState
from atc.protocol.row_runs import FloatMatrix, Matrix
from atc.protocol.row_windows import RowWindows

_log = logging.getLogger(__name__)

FILE_FORMAT = "atc-net-1"
REFUSED = "onnx_refused"
"""Where the JSON says why there is no graph."""

ROUNDINGS = 4
"""How many times as far from the model a graph may score as the model's own float32 is from float64."""


@dataclass(frozen=True)
class Agreement:
    """How far onnxruntime's scores are from the model's."""

    apart: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether nothing but rounding is between them."""
        return self.apart <= self.allowed

    def said(self, graph: str) -> str:
        """In words."""
        return (
            f"{graph} by onnxruntime: scores within {self.apart:.1e} of the model's, {self.allowed:.0e} "
            "allowed"
        )


def write(state: NetState, config: Net, directory: Path, stem: str) -> tuple[str, ...]:
    """Writes `<stem>.safetensors`, `<stem>.onnx` and `<stem>.json`; their names.

    A graph by which onnxruntime does not give the model's scores is not kept: a fit of hours is not lost for
    a file that stands beside it. The JSON then says how far apart they were.
    """
    weights, graph, content = (directory / f"{stem}.{end}" for end in ("safetensors", "onnx", "json"))
    length = config.length
    graph.write_bytes(onnx_bytes(state.network, length, state.features, state.score_names))
    found = agreement(graph, few_rows(state.standardiser, length + 31), state, config)
    refused = {}
    if not found.holds:
        graph.unlink()
        refused = {REFUSED: found.said(graph.name)}
        _log.warning("%s; the graph is not kept, the model is", found.said(str(graph)))
    weights.write_bytes(save(weights_of(state.network), {"format": FILE_FORMAT}))
    described = {
        "format": FILE_FORMAT,
        "config": config.model_dump(mode="json"),
        "heads": list(state.heads),
        "classes": state.classes,
        "scores": list(state.score_names),
        **refused,
        **state.standardiser.content(state.features),
    }
    content.write_text(json.dumps(described, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return tuple(file.name for file in (weights, graph, content) if file != graph or found.holds)


def read(directory: Path, names: Iterable[str]) -> tuple[dict[str, Any], Tensors]:
    """What the JSON file says and the weights, of the files `names` that `write` wrote.

    Raises DataError for another format.
    """
    files = {Path(name).suffix: directory / name for name in names}
    content: dict[str, Any] = json.loads(files[".json"].read_text(encoding="utf-8"))
    if content.get("format") != FILE_FORMAT:
        raise DataError(f"{files['.json']}: format {content.get('format')!r}, {FILE_FORMAT!r} was expected")
    return content, load_file(files[".safetensors"])


def graph_check(state: NetState, config: Net, directory: Path, rows: FloatMatrix) -> Check:
    """Whether the ONNX file of `directory` scores `rows` (m, k), or the windows that end at them, as the
    model does.
    """
    graph = next(iter(sorted(directory.glob("*.onnx"))), None)
    if graph is not None:
        found = agreement(graph, rows, state, config)
        return Check("onnx", found.holds, found.said(graph.name))
    (described,) = (
        content
        for content in (json.loads(file.read_text(encoding="utf-8")) for file in directory.glob("*.json"))
        if isinstance(content, dict) and content.get("format") == FILE_FORMAT
    )
    why = described.get(REFUSED, "its file is gone")
    return Check("onnx", False, f"there is no graph beside the model: {why}")


def agreement(graph: Path, rows: FloatMatrix, state: NetState, config: Net) -> Agreement:
    """How far the scores of the ONNX file are from the model's on the processor, on the rows (m, k), or, with
    a length above 1, on the windows that end at them.

    Both sum the same terms in float32 and in an order of their own, so each lies off the exact sum by its
    rounding, which grows with the terms: weights that cancel each other lose digits that no implementation
    has. How much that is of these rows, the model in float64 says; onnxruntime's may be `ROUNDINGS` times
    that, or TOLERANCE where it is less. A node or a weight that is wrong is orders beyond it.
    """
    x: Matrix = rows
    if config.length > 1:
        x = RowWindows.ending_at(rows, np.arange(config.length - 1, len(rows)), config.length)
    own = network_scores(state, config, x, "cpu")
    exact = network_scores(state, config, x, "cpu", exact=True)
    given = np.ascontiguousarray(read_rows(x, 0, len(x), config.length))
    return Agreement(
        apart=float(np.abs(onnx_scores(graph, given) - own).max()),
        allowed=max(TOLERANCE, ROUNDINGS * float(np.abs(own - exact).max())),
    )
