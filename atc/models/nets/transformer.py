"""An encoder over the rows of a window that is read out at the last of them (Vaswani et al., *Attention Is
All You Need*, 2017).

The readout is the last row's state: the decision is taken at that row, and it may attend to every row before
it. (Radford et al., *Improving Language Understanding by Generative Pre-Training*, 2018, classify a text from
the state of its last token.) A mean over the rows would give the newest no more weight than one two minutes
old, and a learned summary token would be one more row to attend from. No causal mask is needed: a window ends
at the row that is scored, so every row of it is past. As only the last state is read, the last layer computes
queries and the feed-forward part for that row alone; the result is the same, to the bit of rounding.

Norms come first in each block (Xiong et al., *On Layer Normalization in the Transformer Architecture*, 2020),
so that a fit needs no warm-up of its learning rate. Dropout lies where the paper of 2017 has it (section
5.4): on what each block adds and on the embedded rows. `nn.TransformerEncoderLayer` also drops attention
weights and hidden units; the first rules out the fused attention of a processor, and both together make an
epoch there nearly twice as long (docs/models_sequences.md).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each added to what came in: `nn.TransformerEncoderLayer` with
    `norm_first`, which can also be asked for the last row alone.
    """

    def __init__(self, d_model: int, heads: int, dim_feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropped = nn.Dropout(dropout)
        self.norm_attention = nn.LayerNorm(d_model)
        self.query = nn.Linear(d_model, d_model)
        self.key_value = nn.Linear(d_model, 2 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.norm_feedforward = nn.LayerNorm(d_model)
        self.widen = nn.Linear(d_model, dim_feedforward)
        self.narrow = nn.Linear(dim_feedforward, d_model)

    def forward(self, x: Tensor, last_only: bool = False) -> Tensor:
        """(m, length, d_model) of the same; (m, 1, d_model) with `last_only`."""
        z = self.norm_attention(x)
        if last_only:
            x = x[:, -1:]
        key, value = self._split(self.key_value(z), 2)
        (query,) = self._split(self.query(z[:, -1:] if last_only else z), 1)
        found = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.dropped(self.out(found.transpose(1, 2).flatten(2)))
        z = functional.relu(self.widen(self.norm_feedforward(x)))
        added: Tensor = self.dropped(self.narrow(z))
        return x + added

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """`parts` of (m, heads, length, d_model/heads)."""
        x = x.view(x.shape[0], x.shape[1], parts, self.heads, -1)
        return tuple(part.transpose(1, 2) for part in x.unbind(2))


class WindowEncoder(nn.Module):
    """From standardised windows to the state of their last row."""

    def __init__(
        self,
        inputs: int,
        length: int,
        *,
        d_model: int,
        heads: int,
        layers: int,
        dim_feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, d_model)
        # A row's age is as much to know as its values: attention alone does not see the order.
        self.position = nn.Embedding(length, d_model)
        nn.init.normal_(self.position.weight, std=0.02)
        self.dropped = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(d_model, heads, dim_feedforward, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(m, d_model) of windows (m, length, inputs), oldest row first."""
        x = self.dropped(self.embed(x) + self.position.weight)
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, last_only=number == len(self.layers))
        state: Tensor = self.norm(x[:, -1])
        return state
