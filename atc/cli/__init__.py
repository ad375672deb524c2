"""The `atc` commands.

Every module of this folder but `__main__` is one: with an `app` (a `typer.Typer`) a group of commands under
the module's name, with a function of the module's own name a single command. Modules import what is heavy
inside their functions.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from atc.errors import AtcError
from atc.interrupts import end_by_interrupt, forget_interrupt
from atc.terminal import terminal_may_go

INTERRUPTED = 130


def application() -> typer.Typer:
    """The command line with the commands of every module in this folder.

    Raises TypeError for a module that offers none.
    """
    atc = typer.Typer(
        name="atc",
        help="Everything around `python -m atc.run`, which runs experiments.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # Without a callback a lone command would lose its name.
    atc.callback()(lambda: None)
    for info in pkgutil.iter_modules(__path__):
        if info.name == "__main__":
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        group, command = getattr(module, "app", None), getattr(module, info.name, None)
        if isinstance(group, typer.Typer):
            atc.add_typer(group, name=info.name)
        elif callable(command):
            atc.command(info.name)(command)
        else:
            raise TypeError(f"{module.__name__}: needs a typer.Typer `app` or a function `{info.name}`")
    return atc


def main() -> None:
    """Entry point of `atc`: exits with 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C, SIGTERM, a
    closed terminal).
    """
    with terminal_may_go():
        try:
            _run()
        finally:
            forget_interrupt()


def _run() -> None:
    try:
        with end_by_interrupt():
            application()()
    except AtcError as failure:
        sys.stderr.write(f"{failure}\n")
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except SystemExit as leaving:
        by_typer = leaving.__context__
        if by_typer is not None and isinstance(by_typer.__cause__, KeyboardInterrupt):
            _say_interrupted()
        raise


def _say_interrupted() -> None:
    sys.stderr.write("interrupted\n")
