"""Which commands there are: each is a module of its name here, with a click command of that name in it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

import click

COMMANDS = (
    "allow",
    "changes",
    "check",
    "doctor",
    "hook",
    "init",
    "links",
    "query",
    "read",
    "rebuild",
    "schema",
    "search",
    "status",
    "sync",
    "verify",
    "watch",
)


class Registry(Mapping[str, click.Command]):
    """The commands by name; the module of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in COMMANDS:
            raise KeyError(name)
        command = getattr(importlib.import_module(f"mdcache.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)
