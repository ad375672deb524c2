"""The simulator's parameters as fields of the config: their names and types are read from the simulator."""

from __future__ import annotations

import json
from typing import Any, Literal

OF_THE_DATA = ("start_ns", "tz_offset_s", "rate", "depth", "maintenance")
"""Parameters that the data config states in its own words."""


def simulator_fields(whole_number: object, number: object) -> dict[str, Any]:
    """Optional fields for the parameters that a scenario may set, as `pydantic.create_model` takes them.

    `whole_number` and `number` are the types of counts and quantities. None means: as the simulator has it.
    """
    from atc._rust import simulator_params

    fields: dict[str, Any] = {}
    for name, default in json.loads(simulator_params("{}")).items():
        if name in OF_THE_DATA:
            continue
        kind: Any = whole_number if isinstance(default, int) else number
        if isinstance(default, str):
            kind = Literal["order_driven", "martingale"]
        fields[name] = (kind | None, None)
    return fields
