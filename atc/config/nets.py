"""Nets, all fitted by one loop: what they have in common, and what each is made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atc.config.slices import Count, Float, Int, Share, Slice

Width = Annotated[Int, Field(ge=1, le=65_536)]


class Trainer(Slice):
    """How the loop runs: the group of settings that Lightning's `Trainer` has."""

    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    """auto: a GPU, else Apple's, else the processor."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Lightning's names; the mixed ones keep the weights in float32."""
    gradient_clip: Annotated[Float, Field(gt=0)] | None = None
    """Largest norm of a step's gradient; null: any."""
    deterministic: bool = True
    """Refuse operations that do not repeat; on a processor none of these nets has one."""
    num_threads: Int = Field(default=2, ge=1, le=1024)
    """Fixed: the sums of a matrix product depend on it."""
    checkpoints: bool = True
    """Write one after each epoch, which the next attempt of a run that died goes on from."""
    profiler: Literal["none", "simple"] = "none"
    """The table of what the steps cost goes to the run's log."""


class Net(Slice):
    """A net on standardised inputs, fitted by an optimiser in epochs, the best on validation kept."""

    kind: Literal["softmax_mlp", "multihorizon", "multihorizon_transformer"]
    optimiser: Literal["adam", "sgd"] = "adam"
    """sgd: with Nesterov's momentum of 0.9."""
    epochs: Count = 60
    learning_rate: Share = 0.05
    l2: Float = Field(default=1e-4, ge=0)
    """λ of λ/2·‖w‖² on the mean loss, biases excluded."""
    batch_size: Int = Field(default=65_536, ge=1, lt=2**31)
    early_stopping: Count = 10
    """Epochs without a better loss on the internal validation."""
    clip: Float = Field(default=10.0, gt=0)
    """Standardised inputs are clipped to ±clip."""
    trainer: Trainer = Trainer()

    @property
    def least_rows(self) -> int:
        """Training rows of two classes."""
        return 2

    @property
    def length(self) -> int:
        """Rows that one score is made of."""
        return 1


class SoftmaxMlp(Net):
    """A multilayer perceptron that gives the probability of each class."""

    kind: Literal["softmax_mlp"]
    hidden: tuple[Width, ...] = (128, 64)
    """Width of each hidden layer."""


class Multihorizon(Net):
    """A logistic head a horizon, all fitted at once."""

    kind: Literal["multihorizon"]
    trunk: tuple[Width, ...] = ()
    """Widths of the hidden layers that the heads share; none: each head reads the inputs."""


class MultihorizonTransformer(Net):
    """An encoder over the rows of a window, and a logistic head a horizon on the state of its last row."""

    kind: Literal["multihorizon_transformer"]
    sequence_length: Int = Field(default=128, ge=2, le=4096)
    """Rows of a window; with `sampling=clock_1s` seconds."""
    layers: Int = Field(default=4, ge=1, le=64)
    d_model: Width = 64
    nhead: Int = Field(default=4, ge=1, le=256)
    """Attention heads, which share d_model evenly."""
    dim_feedforward: Width = 256
    dropout: Float = Field(default=0.1, ge=0, lt=1)
    epochs: Count = 10
    learning_rate: Share = 0.001
    l2: Float = Field(default=0.0, ge=0)
    batch_size: Int = Field(default=64, ge=1, lt=2**31)
    early_stopping: Count = 3
    valid_every: Count = 16
    """Early stopping looks at every so-manieth validation row: windows of neighbours are nearly the same.
    Calibration and figures take all of them."""
    trainer: Trainer = Trainer(gradient_clip=1.0)

    @property
    def length(self) -> int:
        """Rows that one score is made of."""
        return self.sequence_length

    @model_validator(mode="after")
    def _even_heads(self) -> Self:
        if self.d_model % self.nhead:
            raise ValueError(f"nhead={self.nhead} heads cannot share d_model={self.d_model} evenly")
        return self
