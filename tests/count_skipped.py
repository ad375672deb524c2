"""Says how many tests on real recordings a test run skipped: `python tests/count_skipped.py junit.xml`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def skipped_for_recordings(report: Path) -> tuple[int, int, int]:
    """(tests in all, skipped, skipped because recordings are absent) of a JUnit file that pytest wrote.

    A test on real recordings is one whose reason to be skipped speaks of recordings.
    """
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    reasons = [skip.get("message", "") for case in cases for skip in case.findall("skipped")]
    return len(cases), len(reasons), sum("recording" in reason.lower() for reason in reasons)


if __name__ == "__main__":
    tests, skipped, recordings = skipped_for_recordings(Path(sys.argv[1]))
    print(f"real-recording tests skipped: {recordings} (skipped in all: {skipped} of {tests} tests)")
