"""From a feature set in the config to its columns."""

from __future__ import annotations

from atc.config.features import Features
from atc.errors import UsageError, nearest
from atc.features.declarations import declarations, known_columns, known_families


def set_columns(features: Features) -> tuple[str, ...]:
    """Columns of a set in the order of the declarations: those of its families and `columns`, without `drop`.

    Raises UsageError for a family or column that is not declared, or a column dropped without being there.
    """
    known = known_columns()
    for family in features.families:
        if family not in known_families():
            raise UsageError(
                f"features.families: '{family}' is not a declared family; {nearest(family, known_families())}"
            )
    for key, names in (("columns", features.columns), ("drop", features.drop)):
        for name in names:
            if name not in known:
                raise UsageError(f"features.{key}: '{name}' is not a declared column; {nearest(name, known)}")
    chosen = {item.name for item in declarations() if item.family in features.families} | set(
        features.columns
    )
    for name in features.drop:
        if name not in chosen:
            families = ", ".join(features.families)
            raise UsageError(
                f"features.drop: '{name}' is neither of features.families ({families}) nor in "
                f"features.columns; {nearest(name, chosen)}. If you chose other families than the set "
                f"'{features.name}', which drops it, give features.drop=[] as well"
            )
    left = tuple(name for name in known if name in chosen.difference(features.drop))
    if not left:
        raise UsageError(f"features: the set '{features.name}' has no column left after features.drop")
    return left
