"""Which format is meant by the options that were given."""

from __future__ import annotations

import pytest

from mdcache.cli.formats.rows import Chosen, Form
from mdcache.cli.rowoptions import choose
from mdcache.errors import UsageError


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, Chosen(Form.TABLE)),
        ({"table": True}, Chosen(Form.TABLE, "simple")),
        ({"fmt": "github"}, Chosen(Form.TABLE, "github")),
        ({"table": True, "fmt": "github"}, Chosen(Form.TABLE, "github")),
        ({"csv": True}, Chosen(Form.CSV)),
        ({"tsv": True}, Chosen(Form.TSV)),
        ({"json": True}, Chosen(Form.ANSWER)),
        ({"arrays": True}, Chosen(Form.ARRAYS)),
        ({"nl": True}, Chosen(Form.NL)),
        ({"arrays": True, "nl": True}, Chosen(Form.NL_ARRAYS)),
    ],
)
def test_options_name_a_format(given: dict[str, object], chosen: Chosen) -> None:
    assert choose(Form.TABLE, given) == chosen


@pytest.mark.parametrize("given", [("csv", "json"), ("table", "csv"), ("fmt", "tsv"), ("json", "nl"), ("csv", "tsv")])
def test_formats_that_contradict_each_other_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=f"--{given[0]} and --{given[1]} do not go together: choose one"):
        choose(Form.TABLE, dict.fromkeys(given, True))
