"""A net as ONNX: from raw inputs, NaN for null, to scores, preprocessing inside; and how it is scored."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from atc.models.nets.networks import Network, Probabilities

if TYPE_CHECKING:
    import onnx

OPSET = 20
IR_VERSION = 10
"""Of ONNX 1.16: what onnxruntime 1.18 of 2024 reads."""
TOLERANCE = 1e-6
"""Between a score of onnxruntime and one of `predict`: both are of float32."""
INPUT, OUTPUT = "x", "scores"


def onnx_bytes(network: Network, length: int, features: Sequence[str], scores: Sequence[str]) -> bytes:
    """The graph `x` → `scores` of `network`, any number of rows; the names of both are in its metadata.

    A perceptron is written node by node, which takes milliseconds and gives the same bytes each time; other
    bodies go through torch's exporter, which takes seconds.
    """
    import onnx

    body = network.body
    plain = isinstance(body, nn.Sequential) and all(isinstance(one, nn.Linear | nn.ReLU) for one in body)
    model = _perceptron(network, len(features)) if plain else _exported(network, length, len(features))
    model.producer_name = "atc"
    told = {"features": list(features), "scores": list(scores), "length": length}
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in told.items()})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def onnx_scores(path: Path, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m, columns) what onnxruntime makes of raw inputs `x` (m, k) or (m, length, k), on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (scores,) = session.run([OUTPUT], {INPUT: x})
    return np.asarray(scores, dtype=np.float64)


def _perceptron(network: Network, inputs: int) -> onnx.ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    constants: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, *given: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"{kind.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(kind, given, [name], **attributes))
        return name

    def linear(layer: nn.Linear, given: str, name: str) -> str:
        weight, bias = layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()
        return node(
            "Gemm", given, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias), transB=1
        )

    scaler = network.standardise
    zero = constant("zero", np.zeros((), dtype=np.float32))
    bounds = [
        constant(name, np.array(sign * scaler.clip, dtype=np.float32))
        for name, sign in (("low", -1), ("high", 1))
    ]
    mean, scale = (
        constant(name, value.cpu().numpy())
        for name, value in (("mean", scaler.mean), ("scale", scaler.scale))
    )
    z = node("Mul", node("Sub", INPUT, mean), scale)
    z = node("Clip", node("Where", node("IsNaN", z), zero, z), *bounds)
    assert isinstance(network.body, nn.Sequential)
    for number, layer in enumerate(network.body):
        z = linear(layer, z, f"body.{number}") if isinstance(layer, nn.Linear) else node("Relu", z)
    logits = linear(network.head, z, "head")
    if network.outputs == 1:
        node("Sigmoid", logits, out=OUTPUT)
    else:
        shape = constant("by_head", np.array([-1, network.heads, network.outputs], dtype=np.int64))
        flat = constant("by_row", np.array([-1, network.heads * network.outputs], dtype=np.int64))
        node("Reshape", node("Softmax", node("Reshape", logits, shape), axis=2), flat, out=OUTPUT)
    columns = network.heads * network.outputs
    graph = helper.make_graph(
        nodes,
        "atc",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", columns])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _exported(network: Network, length: int, inputs: int) -> onnx.ModelProto:
    shape = (2, inputs) if length == 1 else (2, length, inputs)
    module = Probabilities(network).cpu().eval()
    # It says which packages it did not need.
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (torch.zeros(shape),),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("rows")},),
            )
    finally:
        logger.setLevel(before)
    assert program is not None
    model = program.model_proto
    # Names of this machine's files and of torch's own passes.
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
    return model
