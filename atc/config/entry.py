"""From the command line to a typed config: Hydra's entry point with ATC's errors and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import hydra
import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from atc.config.compose import Composer, Job, settled, single
from atc.config.help import help_text
from atc.config.loader import CONFIG_NAME, VERSION_BASE
from atc.config.problems import ConfigError
from atc.config.root import ROOT_VARIABLE
from atc.config.schema import RunConfig
from atc.config.storage import unusable
from atc.config.sweep import expand
from atc.errors import AtcError, DataError, UsageError

Run = Callable[[RunConfig], object]

INTERRUPTED = 130


def main_with(run: Run) -> int:
    """Compose what `sys.argv` asks for and call `run` for each job; returns the exit code of the process.

    0 done, 1 failed (of a multirun: at least one job), 2 wrong usage or config, 130 interrupted. An
    `AtcError` is shown as its message, any other error with its traceback.
    """
    try:
        return _start(run)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except SystemExit as leaving:  # argparse, and Hydra after --help
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except Exception as failure:
        return _report(failure)


def _start(run: Run) -> int:
    args = get_args_parser().parse_args()
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
    jobs, several = _jobs(composer, args)
    if not (several or args.resolve or args.package or composer.needs_hydra(args.overrides)):
        return _run_plainly(jobs[0].config, run)
    failures: dict[int, Exception] = {}

    def task(_cfg: DictConfig) -> None:
        # The job as composed and judged at the start: a file edited during a sweep changes nothing.
        number = int(HydraConfig.get().job.num) if several else 0
        if several:
            _say(f"[{number + 1}/{len(jobs)}] {' '.join(jobs[number].overrides)}")
        try:
            run(jobs[number].config)
        except Exception as raised:
            failure = _in_words(raised, jobs[number].config)
            if not several:
                raise _JobFailed from failure
            failures[number] = failure
            _report(failure)

    try:
        _hydra(composer, task)
    except _JobFailed as failed:
        assert isinstance(failed.__cause__, Exception)
        raise failed.__cause__ from None
    except OSError as failure:
        # No job's: Hydra makes the folder of outputs, and one for a multirun, before the first one starts.
        raise _in_words(failure, jobs[0].config) from failure
    if failures:
        _say(f"{len(failures)} of {len(jobs)} jobs failed:")
        for number in sorted(failures):
            _say(f"  [{number + 1}/{len(jobs)}] {' '.join(jobs[number].overrides)}")
    return 1 if failures else 0


def _run_plainly(config: RunConfig, run: Run) -> int:
    """A single run of which Hydra has nothing more to say: what is left to do is the folder of outputs."""
    try:
        config.paths.outputs_dir.mkdir(parents=True, exist_ok=True)
        run(config)
    except Exception as failure:
        told = _in_words(failure, config)
        if told is failure:
            raise
        raise told from failure
    return 0


class _JobFailed(BaseException):
    """Carries a job's failure through Hydra, which would print a line of its own for an `Exception`."""


def _in_words(failure: Exception, config: RunConfig) -> Exception:
    """`failure`, as a message where it is of a folder or disk that the user can mend."""
    if isinstance(failure, MemoryError):
        return DataError(
            f"not enough memory ({failure or 'none left'}): a shorter window.train_…, thinning=every_k or "
            "fewer features take less; what was finished before is untouched, and the same command goes on"
        )
    return (isinstance(failure, OSError) and unusable(failure, config.paths)) or failure


def _jobs(composer: Composer, args: argparse.Namespace) -> tuple[list[Job], bool]:
    overrides = list(args.overrides)
    asked = [o for o in composer.parse(overrides) if o.key_or_group == "hydra.mode"]
    if not args.multirun and not any(str(o.value()) == RunMode.MULTIRUN.name for o in asked):
        return [single(composer, overrides)], False
    started = datetime.now().strftime("multirun-%Y%m%d-%H%M%S")
    sweep = expand(composer, overrides)
    if any(job.config.protocol.sealed for job in sweep.jobs) and sweep.sealed:
        _say(
            f"sealed: the jobs differ in {', '.join(sweep.sealing)}, and whoever sees their holdouts could "
            "choose by them; run the chosen config alone, or open each with protocol.sealed=false"
        )
    return [
        replace(j, config=settled(j.config, sealed=sweep.sealed, group=started)) for j in sweep.jobs
    ], True


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
