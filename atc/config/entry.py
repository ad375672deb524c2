"""From the command line to a typed config: Hydra's entry point with ATC's errors and exit codes."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence

import hydra
import yaml
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from atc.config.compose import Composer, single
from atc.config.help import help_text
from atc.config.loader import CONFIG_NAME, VERSION_BASE
from atc.config.plugins import PRESET_GROUPS
from atc.config.problems import ConfigError
from atc.config.root import ROOT_VARIABLE
from atc.config.schema import RunConfig
from atc.config.storage import in_words
from atc.config.sweep import Sweep, expand
from atc.errors import AtcError, UsageError
from atc.interrupts import end_by_interrupt, forget_interrupt
from atc.terminal import terminal_may_go

Run = Callable[[RunConfig], object]
RunSweep = Callable[[Sweep, Sequence[str], Run], int]
"""Takes the jobs, the words that asked for them and what makes one run; gives the exit code."""

INTERRUPTED = 130


def main_with(run: Run, run_sweep: RunSweep) -> int:
    """Compose what `sys.argv` asks for and call `run` with its config, or `run_sweep` where it is several;
    returns the exit code of the process.

    0 done, 1 failed (of a multirun: at least one job), 2 wrong usage or config, 130 interrupted (Ctrl-C,
    SIGTERM, a closed terminal). An `AtcError` is shown as its message, any other error with its traceback.
    """
    with terminal_may_go():
        try:
            return _exit_code_of(run, run_sweep)
        finally:
            forget_interrupt()


def _exit_code_of(run: Run, run_sweep: RunSweep) -> int:
    try:
        with end_by_interrupt():
            return _start(run, run_sweep)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except SystemExit as leaving:  # argparse, and Hydra after --help
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except Exception as failure:
        return _report(failure)


def _start(run: Run, run_sweep: RunSweep) -> int:
    parser = get_args_parser()
    parser.allow_abbrev = False  # --experiment would be --experimental-rerun
    _refuse_dashed_settings(sys.argv[1:], parser)
    args = parser.parse_args()
    for flag in ("config_path", "config_name", "config_dir", "experimental_rerun"):
        if getattr(args, flag) is not None:
            raise UsageError(
                f"--{flag.replace('_', '-')}: not supported; set {ROOT_VARIABLE} to run other configs"
            )
    composer = Composer()
    if args.cfg:
        return _show(composer, args)
    if args.help:
        sys.stdout.write(help_text(composer))
        return 0
    if args.hydra_help or args.info or args.shell_completion:
        _hydra(composer, lambda _cfg: None)
        return 0
    if args.multirun or _asks_for_several(composer, args):
        gc.enable()  # where a run alone lets it lie: each job that is composed leaves a quarter of a MiB
        return run_sweep(_swept(composer, args), list(args.overrides), run)
    config = single(composer, list(args.overrides)).config
    if not (args.resolve or args.package or composer.needs_hydra(args.overrides)):
        return _run_plainly(config, run)

    def task(_cfg: DictConfig) -> None:
        try:
            run(config)
        except Exception as raised:
            raise _JobFailed from in_words(raised, config.paths)

    try:
        _hydra(composer, task)
    except _JobFailed as failed:
        assert isinstance(failed.__cause__, Exception)
        raise failed.__cause__ from None
    except OSError as failure:
        # Not the job's: Hydra makes the folder of outputs before it starts.
        raise in_words(failure, config.paths) from failure
    return 0


def _refuse_dashed_settings(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Other programs take `--experiment NAME` and `--seed 3`; argparse would only say that it does not."""
    for place, word in enumerate(words):
        name, equals, value = word[2:].partition("=")
        if not word.startswith("--") or not name or f"--{name}" in parser._option_string_actions:
            continue
        if not equals:
            value = next(iter(words[place + 1 :]), "…")
        plus = "+" if name in PRESET_GROUPS else ""
        raise UsageError(f"{word}: no such flag; settings have no dashes: {plus}{name}={value}")


def _run_plainly(config: RunConfig, run: Run) -> int:
    """A single run of which Hydra has nothing more to say: what is left to do is the folder of outputs."""
    try:
        config.paths.outputs_dir.mkdir(parents=True, exist_ok=True)
        run(config)
    except Exception as failure:
        told = in_words(failure, config.paths)
        if told is failure:
            raise
        raise told from failure
    return 0


class _JobFailed(BaseException):
    """Carries a job's failure through Hydra, which would print a line of its own for an `Exception`."""


def _asks_for_several(composer: Composer, args: argparse.Namespace) -> bool:
    asked = [o for o in composer.parse(list(args.overrides)) if o.key_or_group == "hydra.mode"]
    return any(str(o.value()) == RunMode.MULTIRUN.name for o in asked)


def _swept(composer: Composer, args: argparse.Namespace) -> Sweep:
    if args.resolve or args.package:
        raise UsageError("--resolve and --package show the config of one job: give them with --cfg")
    sweep = expand(composer, list(args.overrides))
    if any(job.config.protocol.sealed for job in sweep.jobs) and sweep.sealed:
        way = "run the chosen config alone"
        if sweep.search is None:
            way += ", or open each with protocol.sealed=false"
        _say(
            f"sealed: the jobs differ in {', '.join(sweep.sealing)}, and whoever sees their holdouts could "
            f"choose by them; {way}"
        )
    return sweep


def _show(composer: Composer, args: argparse.Namespace) -> int:
    """`--cfg`: show the config as Hydra composes it even if it is wrong, but say so."""
    try:
        single(composer, list(args.overrides))
    except ConfigError as wrong:
        try:
            _hydra(composer, lambda _cfg: None)
        except ConfigError:
            # What Hydra cannot compose at all is among the problems already.
            raise wrong from None
        raise
    _hydra(composer, lambda _cfg: None)
    return 0


def _hydra(composer: Composer, task: Callable[[DictConfig], None]) -> None:
    """`@hydra.main` on this task, with Hydra's errors as `ConfigError`."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints the errors and exits with 1
    # Composed and judged already; Hydra itself would refuse what the composer takes.
    sys.argv[1:] = [composer.for_hydra(word) for word in sys.argv[1:]]
    main = hydra.main(version_base=VERSION_BASE, config_path=str(composer.root.conf), config_name=CONFIG_NAME)
    try:
        main(task)()
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as failure:
        raise ConfigError([composer.problem_of(failure)]) from failure


def _report(failure: Exception) -> int:
    if isinstance(failure, AtcError):
        _say(str(failure))
        return failure.exit_code
    traceback.print_exception(failure)
    return 1


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
