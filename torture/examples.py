"""Hypothesis as the bench uses it: so many examples from a seed, and the smallest that fails is told."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from torture.bench import Part, Trial


def tried(trial: Trial, part: Part, count: int, check: Callable[[Any], None], values: st.SearchStrategy[Any]) -> None:
    """Check so many values; the smallest that fails is told."""

    def one(value: Any) -> None:
        part.tried += 1
        check(value)

    warnings.simplefilter("ignore", HypothesisWarning)  # that strategies are large is known
    settings = hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        hypothesis.seed(trial.seed)(settings(given(values)(one)))()
    except Exception as error:
        part.fail("the smallest that hypothesis has found", error)
