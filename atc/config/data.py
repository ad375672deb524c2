"""What is known of the instrument, and where its events come from: the config group `data`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from atc.config.maintenance import Day, Maintenance
from atc.config.scenario import simulator_fields
from atc.config.slices import Float, Int, Name, Slice, Step, Text


def _known_adapter(name: str) -> str:
    from atc.errors import UsageError
    from atc.events.adapters import adapter_named

    try:
        return adapter_named(name).name
    except UsageError as error:
        raise ValueError(str(error)) from error


class InstrumentFacts(Slice):
    """What is known of the instrument before an event is read."""

    name: Name
    """Name of the data set in tables and records."""
    venue: Name
    symbol: Name
    tick: Step
    """Price of one tick, in quote currency."""
    lot: Step
    """Size of one lot, in base asset."""
    day_cut_utc_s: Int = Field(ge=0, lt=86_400)
    """Start of the business day, seconds after 00:00 UTC."""
    tz_offset_s: Int = Field(ge=-43_200, le=50_400)
    """Local time minus UTC, for the time of day and the names of business days."""
    recorded_depth: Annotated[Int, Field(ge=1, le=100_000)] | None
    """Levels a side that the feed records; null: all."""
    largest_order: Step | None = None
    """Largest order that the venue takes, in base asset; null: not known. Prints above it are impossible."""
    maintenance: tuple[Maintenance, ...] = ()
    """The venue's dated calendar."""

    @property
    def costs_venue(self) -> str | None:
        """The venue whose costs hold; None: that of no venue."""
        return self.venue


class NamedScenario(Slice):
    """A scenario of the simulated market: its name, and the parameters that differ from the simulator's."""

    name: Name
    """Part of the venue under which the events lie."""

    def parameters(self) -> dict[str, object]:
        """What the scenario sets of the parameters in `rust/atc-sim/src/params.rs`."""
        return {key: getattr(self, key) for key in sorted(self.model_fields_set - {"name"})}

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        from atc._rust import simulator_params

        simulator_params(json.dumps(self.parameters()))
        return self

    @model_serializer(mode="wrap")
    def _what_is_set(self, whole: SerializerFunctionWrapHandler) -> dict[str, object]:
        # The defaults have one place, and it is not a record.
        return {key: value for key, value in whole(self).items() if key in self.model_fields_set}


if TYPE_CHECKING:

    class Scenario(NamedScenario):
        """`NamedScenario` with a field for each parameter of the simulator."""

else:
    Scenario = create_model("Scenario", __base__=NamedScenario, **simulator_fields(Int, Float))


class SimulatedData(InstrumentFacts):
    """Events of the embedded simulator."""

    kind: Literal["simulated"]
    scenario: Scenario
    """What the market does; a file of the group `data/scenario`."""
    days: Int = Field(ge=1, le=10_000)
    """Business days."""
    seed: Int = Field(ge=0, lt=2**63)
    start_date: Day
    """The first business day."""
    rate: Float = Field(default=0.25, gt=0, le=10)
    """Event rate as a multiple of ETH_JPY's."""
    imitates: Name | None = None
    """The venue whose market of this symbol it stands for, so that its costs hold here. null: none."""

    @property
    def costs_venue(self) -> str | None:
        """The venue that is imitated."""
        return self.imitates


class RecordedData(InstrumentFacts):
    """Recordings of a venue, ingested on first use."""

    kind: Literal["recorded"]
    adapter: Annotated[Name, AfterValidator(_known_adapter)]
    """A format of `atc ingest --formats`."""
    files: tuple[Text, ...] = Field(min_length=1)
    """One session, in order; relative to `paths.recordings`."""


class CanonicalData(InstrumentFacts):
    """Canonical events that are already under `paths.events`."""

    kind: Literal["canonical"]


Data = Annotated[SimulatedData | RecordedData | CanonicalData, Field(discriminator="kind")]
