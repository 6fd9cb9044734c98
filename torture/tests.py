"""The long rounds of single tests: all that pytest knows as `torture`. Their short ones run with all tests."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from torture import ROOT, bench
from torture.bench import Trial


def run(trial: Trial) -> None:
    """python -m pytest -m torture"""
    if trial.short:
        trial.skip("pytest -m torture", "they are long")
        return
    with trial.part("pytest -m torture") as part:
        part.unit = "tests"
        report = trial.folder / "report.xml"
        command = (sys.executable, "-m", "pytest", "-m", "torture", "--timeout", "0", "-q", f"--junit-xml={report}")
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr)
        for case in ElementTree.parse(report).iter("testcase"):
            with part.point(f"{case.get('classname')}::{case.get('name')}"):
                assert case.find("failure") is None and case.find("error") is None


if __name__ == "__main__":
    bench.alone(run)
