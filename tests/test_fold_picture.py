"""The pictures of docs/protocols.md are what the command gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from atc.report.fold_picture import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "protocols.md"


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    page = PAGE.read_text(encoding="utf-8")
    for block in printed.strip().split("\n\n"):
        assert block in page
