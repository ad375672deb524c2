"""A net as a `Model`: fitted by the one loop, kept as safetensors, ONNX and JSON. torch is loaded on use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from atc.config.nets import Net
from atc.errors import DataError
from atc.models.base import CHUNK_ROWS, FitReport, Progress, Scores, class_scores
from atc.models.checks import Check
from atc.models.nets.scores import base_shares
from atc.models.nets.state import NetState
from atc.models.nets.told import auxiliary_parameters, curves, fit_key, flat
from atc.models.one_head import fit_report
from atc.models.standardise import Standardiser, fit_standardiser
from atc.protocol.dataset import Block
from atc.protocol.row_runs import FloatMatrix, Matrix
from atc.waiting_threads import sleep_at_once

if TYPE_CHECKING:
    from torch import nn

    from atc.models.nets.networks import Network

C = TypeVar("C", bound=Net)


class NetModel(ABC, Generic[C]):
    """All heads of a label at once, each a classifier; a row counts for those whose label it has."""

    kind: ClassVar[str]

    def __init__(self, config: C, state: NetState | None = None, *, checkpoint: Path | None = None) -> None:
        """`checkpoint`: the start of the name of the file that a fit writes after each epoch and goes on
        from, to which its seed is added; None: neither.
        """
        self._config = config
        self._state = state
        self._checkpoint = checkpoint
        self._device = "cpu"
        """Where it scores; a fit that was on another one scores there too, in its own process."""

    @staticmethod
    def _wait() -> None:
        """Says how torch's threads wait for each other, before torch is loaded."""
        sleep_at_once()

    @abstractmethod
    def _body(self, inputs: int) -> tuple[nn.Module, int]:
        """What makes features of standardised inputs, (m, inputs) or (m, length, inputs), and their number;
        its weights are drawn here.
        """

    def _stopping(self, valid: Block) -> Block:
        """The rows of `valid` that decide when to stop."""
        return valid

    @property
    def length(self) -> int:
        """Rows that one score is made of."""
        return int(self._config.length)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        return self._fitted().features

    @property
    def score_names(self) -> tuple[str, ...]:
        """Head after head, with its name at the end: `p_1s`, `p_5s`."""
        return self._fitted().score_names

    @property
    def standardiser(self) -> Standardiser:
        """What the inputs are standardised with."""
        return self._fitted().standardiser

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Every parameter by its name in the safetensors file."""
        from atc.models.nets.checkpoint import weights_of

        return {name: value.numpy() for name, value in weights_of(self._fitted().network).items()}

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Fit on `train`, stop when the summed log loss of the heads on `valid` has not improved for
        `early_stopping` epochs, keep the best epoch. Auxiliary targets of `train` train the body through
        heads of their own, which are gone after the fit.

        Raises DataError for a loss that is not finite, UsageError for a device that is not there.
        """
        self._wait()
        from atc.models.nets.auxiliary import WithAuxiliary, taught
        from atc.models.nets.batches import Batches
        from atc.models.nets.checkpoint import Checkpoint, Keeper, put_weights
        from atc.models.nets.device import accelerator_of, torch_as
        from atc.models.nets.loop import run_epochs
        from atc.models.nets.module import NetModule

        config = self._config
        standardiser = fit_standardiser(train.x, config.clip)
        with torch_as(config.trainer):
            state = self._new(standardiser, train, seed)
            trained = (
                state.network if train.auxiliary is None else WithAuxiliary(state.network, train.auxiliary)
            )
        keeper = None
        if self._checkpoint is not None and config.trainer.checkpoints:
            path = self._checkpoint.with_name(f"{self._checkpoint.name}-seed{seed}.safetensors")
            keeper = Keeper(path, fit_key(config, standardiser, train, valid, seed))
        reached = (keeper.read() if keeper is not None else None) or Checkpoint()
        if reached.weights:
            put_weights(trained, reached.weights)
        module = NetModule(trained, config)
        reached = run_epochs(
            module,
            Batches(taught(train), config.batch_size, config.length, seed),
            Batches(self._stopping(valid), max(1, CHUNK_ROWS // config.length), config.length),
            state=reached,
            keeper=keeper,
            progress=progress,
        )
        put_weights(trained.cpu().eval(), reached.best)
        self._state, self._device = state, accelerator_of(config.trainer)
        notes: tuple[str, ...] = ()
        if reached.best_epoch == config.epochs:
            notes = (f"{self.kind} still improved on validation at model.epochs={config.epochs}, its last",)
        return fit_report(
            train,
            parameters={
                **flat(config.model_dump(mode="json")),
                "seed": seed,
                "device": self._device,
                **auxiliary_parameters(train),
            },
            curves=curves(reached, train),
            iterations=reached.epoch,
            best_iteration=reached.best_epoch,
            importance_kind="input_weight",
            importance=self._input_weights(state.network),
            active=standardiser.active,
            notes=notes,
        )

    def predict(self, x: Matrix) -> Scores:
        """P(class) of each head, (n, classes); of two classes that of the last, (n, 1). In float32, where the
        fit was; a loaded model on the processor, wherever and in whatever precision it was fitted.
        """
        from atc.models.nets.predicting import network_scores

        return network_scores(self._fitted(), self._config, x, self._device)

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write `<stem>.safetensors` (the weights), `<stem>.onnx` (all of it, from raw inputs to scores) and
        `<stem>.json` (preprocessing, architecture, heads).

        Where onnxruntime does not give the scores of this model there is no graph, which is logged, and which
        the JSON and `own_checks` say.
        """
        from atc.models.nets.files import write

        return write(self._fitted(), self._config, directory, stem)

    def own_checks(self, directory: Path, sample: FloatMatrix) -> Iterable[Check]:
        """Whether the ONNX file gives the scores of the weights."""
        from atc.models.nets.files import graph_check

        yield graph_check(self._fitted(), self._config, directory, sample)

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> Self:
        """The model of files that `save` wrote and `artifact.load_model` has verified."""
        cls._wait()
        from pydantic import TypeAdapter

        from atc.config.model import Model as ModelConfig
        from atc.models.nets.checkpoint import put_weights
        from atc.models.nets.device import torch_as
        from atc.models.nets.files import read

        config: Any = TypeAdapter(ModelConfig).validate_python(manifest["model_config"])
        content, weights = read(directory, manifest["model_files"])
        model = cls(config)
        with torch_as(config.trainer):
            state = model._network(
                Standardiser.of_content(content),
                tuple(item["feature"] for item in content["inputs"]),
                tuple(content["heads"]),
                content["classes"],
                tuple(content["scores"]),
            )
        columns = len(state.heads) * (1 if state.classes == 2 else state.classes)
        if columns != len(state.score_names):
            raise DataError(
                f"{directory}: {columns} outputs for the scores {', '.join(state.score_names)}: one each was "
                "expected"
            )
        put_weights(state.network, weights)
        state.network.eval()
        model._state = state
        return model

    def _new(self, standardiser: Standardiser, train: Block, seed: int) -> NetState:
        """An unfitted net for these rows, with weights drawn by `seed`."""
        import torch

        from atc.models.nets.networks import start_at

        torch.manual_seed(seed)
        names = tuple(
            f"{score}_{head}" if head else score
            for head in train.heads
            for score in class_scores(train.classes)
        )
        state = self._network(standardiser, train.features, train.heads, len(train.classes), names)
        start_at(state.network.head, base_shares(train))
        return state

    def _network(
        self,
        standardiser: Standardiser,
        features: tuple[str, ...],
        heads: tuple[str, ...],
        classes: int,
        names: tuple[str, ...],
    ) -> NetState:
        from atc.models.nets.networks import Network

        body, width = self._body(len(features))
        network = Network(standardiser, body, width, len(heads), 1 if classes == 2 else classes)
        return NetState(network, standardiser, features, heads, classes, names)

    @staticmethod
    def _input_weights(network: Network) -> NDArray[np.float64]:
        """(k,) the norm of the weights that each input enters by."""
        first = next(parameter for parameter in network.parameters() if parameter.ndim > 1)
        return np.asarray(first.detach().double().norm(dim=0).numpy())

    def _fitted(self) -> NetState:
        if self._state is None:
            raise RuntimeError("the model is not fitted")
        return self._state


AnyNet = NetModel[Any]
"""A net of whatever kind."""
