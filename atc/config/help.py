"""What `python -m atc.run --help` prints: the experiments with their hypotheses, the groups, examples."""

from __future__ import annotations

from atc.config.compose import Composer
from atc.config.plugins import PRESET_GROUPS, hypothesis

_OPENING = """\
ATC: one config, one experiment on tick data, honestly evaluated and recorded.

  python -m atc.run +experiment=gbdt_36feat
  python -m atc.run +experiment=gbdt_36feat data=binance_ethusdt_2024
  python -m atc.run -m +experiment=gbdt_36feat model.num_leaves=31,63,127
  python -m atc.run -m +sweep=top3 launcher=joblib
  python -m atc.run +experiment=gbdt_36feat --cfg job --resolve
"""

_CLOSING = """\
Every value can be overridden as key=value; `--cfg job` prints them all. `-m` runs one job for each
combination of values separated by commas. `--hydra-help` lists Hydra's own flags, `atc config validate`
checks all files.
"""


def help_text(composer: Composer) -> str:
    """The help of the command line, from the config folders as they are."""
    parts = [_OPENING]
    for group in PRESET_GROUPS:
        options = composer.options(group)
        width = max((len(option) for option in options), default=0)
        parts.append(f"{group.capitalize()}s, +{group}=…, and what they are to show:\n")
        parts += [f"  {option:<{width}}  {hypothesis(composer.root, group, option)}" for option in options]
        parts.append("")
    parts.append("Groups, group=option:\n")
    groups = [group for group in composer.groups() if group not in PRESET_GROUPS]
    width = max(map(len, groups))
    parts += [f"  {group:<{width}}  {', '.join(composer.options(group))}" for group in groups]
    return "\n".join([*parts, "", _CLOSING])
