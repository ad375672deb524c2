"""What a fit of a net leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.models.standardise import Standardiser

if TYPE_CHECKING:
    from atc.models.nets.networks import Network


@dataclass(frozen=True)
class NetState:
    """A fitted net."""

    network: Network
    standardiser: Standardiser
    features: tuple[str, ...]
    heads: tuple[str, ...]
    classes: int
    score_names: tuple[str, ...]
