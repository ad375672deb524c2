"""`atc doctor`: are the filed events what they claim to be?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    settings: Annotated[list[str], typer.Argument(help="data=NAME and other key=value of the config.")],
) -> None:
    """Validate the canonical events of a data set: schema, order, sizes, flags, books that cross.

    Prints a line for each finding, then `days …, errors …, warnings …`; exit code 1 if there is an error.
    """
    from atc.config.compose import compose
    from atc.config.schema import SimulatedData
    from atc.events.catalog import Catalog
    from atc.events.simulate import located
    from atc.events.validate import validate_days

    config = compose(settings)
    facts = located(config.data) if isinstance(config.data, SimulatedData) else config.data
    catalog = Catalog(Path(config.paths.events_dir))
    catalog.instrument(facts.venue, facts.symbol)  # says so where nothing is filed
    days = catalog.days(facts.venue, facts.symbol)
    problems = [
        problem for day in days for problem in validate_days(catalog, facts.venue, facts.symbol, [day])
    ]
    for problem in problems:
        typer.echo(f"{'error  ' if problem.is_error else 'warning'}  {problem}")
    errors = sum(problem.is_error for problem in problems)
    typer.echo(f"days {len(days)}, errors {errors}, warnings {len(problems) - errors}")
    if errors:
        raise typer.Exit(1)
