"""Judge what a settings file says, value by value: each has the type it must have, and is no more than is needed.

Whatever is wrong is a UsageError that names the file and the setting.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sized
from typing import Any, NamedTuple

from mdcache import expressions
from mdcache.codes import CODES
from mdcache.config.file import File
from mdcache.config.policy import OFF, Policy, Rule, Verdict
from mdcache.dialects.dialect import Overrides
from mdcache.model import AUTO, ERROR, LARGEST, NOTE, WARNING, PathRule
from mdcache.patterns import COST_LIMIT, Patterns

_LISTS = ("docs", "include", "exclude", "extensions", "schema", "placeholders", "immutable")
_KEYS = (*_LISTS, "database", "size_limit", "wikilinks", "dialect", "links", "paths", "watch", "check")
# How many there may be of what is looked at for each document, link or problem, and for a rule of [check.rules].
_MOST = {
    **dict.fromkeys(("docs", "include", "exclude", "immutable"), 1000),
    **dict.fromkeys(("paths", "check.paths"), 200),
    **dict.fromkeys(("extensions", "schema", "placeholders", "check.rules"), 100),
    **dict.fromkeys(("links.ignore", "links.urls", "links.roots", "links.facets"), 100),
}
# Characters of a path, pattern or name in the settings: no system has longer paths.
_LONGEST_TEXT = 4096
_PATH_KEYS = ("pattern", "type", "domain", "layer", "dialect")
_LINK_KEYS = ("ignore", "urls", "roots")
_CHECK_KEYS = ("codes", "paths", "rules")
_SEVERITIES = (ERROR, WARNING, NOTE, OFF)


class Watch(NamedTuple):
    """How a watcher behaves: it changes no row.

    debounce_ms: how long files must have been quiet (at most ten times as long after the first change, or two seconds);
    reconcile_s: after how long everything is compared, whatever was announced; poll_s: how often without an observer.
    """

    debounce_ms: float = 200
    reconcile_s: float = 300
    poll_s: float = 2


def check(file: File) -> None:
    """Make sure that each value is of the right type and length. Raises UsageError."""
    for key, value in file.values.items():
        _check_value(file, key, value)


def _check_value(file: File, key: str, value: Any) -> None:
    if key not in _KEYS:
        raise file.refused(f"no setting is called '{key}'{_meant(key, _KEYS)}")
    if key in _LISTS and not (isinstance(value, list) and all(map(_is_short, value))):
        raise file.refused(f"'{key}' must be a list of strings, of {_LONGEST_TEXT:,} characters at most")
    if isinstance(value, list):
        _make_sure_they_are_few(file, key, value)
    if key in ("docs", "extensions") and not value:
        raise file.refused(f"'{key}' is empty")
    if key == "database" and not (_is_short(value) and value):
        raise file.refused("'database' must be a path")
    if key == "size_limit" and not (type(value) is int and 0 < value <= LARGEST):
        raise file.refused(f"'size_limit' must be a number of bytes, at most {LARGEST}")
    if key == "wikilinks" and not isinstance(value, bool):
        raise file.refused("'wikilinks' must be true or false")
    if key == "dialect" and value != AUTO:
        dialect(file, value)
    if key == "paths" and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
        raise file.refused("'paths' must be a list of tables: [[paths]]")
    if key == "paths":
        _make_sure_they_are_cheap(file, key, (item["pattern"] for item in value if _is_short(item.get("pattern"))))
    if key in ("watch", "check", "links") and not isinstance(value, dict):
        raise file.refused(f"'{key}' must be a table: [{key}]")


def _make_sure_they_are_few(file: File, key: str, values: Sized) -> None:
    if len(values) > _MOST.get(key, len(values)):
        raise file.refused(f"'{key}' has {len(values):,} entries, and may have {_MOST[key]:,}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_short(value: Any) -> bool:
    return _is_text(value) and len(value) <= _LONGEST_TEXT


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word[:_LONGEST_TEXT], known, 1)
    return f": did you mean '{close[0]}'?" if close else f": there are {', '.join(known)}"


def patterns(file: File, key: str) -> tuple[str, ...]:
    """Return the patterns of a setting. Raises UsageError for one that matches nothing, and when they cost too much."""
    found = tuple(_pattern(file, key, line) for line in file.values.get(key, ()))
    _make_sure_they_are_cheap(file, key, found)
    return found


def _make_sure_they_are_cheap(file: File, key: str, patterns: Iterable[str]) -> None:
    if sum(Patterns((pattern,)).cost for pattern in patterns) > COST_LIMIT:
        raise file.refused(f"'{key}': more than {COST_LIMIT:,} patterns with wildcards (a long one counts for more)")


def _pattern(file: File, key: str, line: str) -> str:
    """Return the pattern. Raises UsageError when it matches nothing: unlike in a .gitignore, that is a mistake."""
    if not Patterns((line,)):
        raise file.refused(f"'{key}': no path can match the pattern '{line}'")
    return line


def extension(file: File, extension: str) -> str:
    """Return an extension in lower case, with its dot. Raises UsageError."""
    if extension.rfind(".") != 0 or "/" in extension or len(extension) < 2:
        raise file.refused(f"'{extension}' is no extension: write it like '.md'")
    return extension.lower()


def policy(file: File, check: dict[str, Any]) -> Policy:
    """Return what the table [check] says, and what is immutable. Raises UsageError."""
    for key in check:
        if key not in _CHECK_KEYS:
            raise file.refused(f"[check] has no '{key}'{_meant(key, _CHECK_KEYS)}")
    rules = tuple(Rule(name, sql) for name, sql in _table(file, "check.rules", check.get("rules", {})).items())
    _make_sure_they_are_few(file, "check.rules", rules)
    for name, sql in rules:
        if name in CODES or not re.fullmatch(r"[\w-]{1,100}", name) or not _is_text(sql):
            raise file.refused(
                f"rule '{name}' must be a string of SQL, under a name of letters that is no built-in code"
            )
    codes = (*CODES, *(rule.name for rule in rules))
    verdicts = _verdicts(file, "check.codes", check.get("codes", {}), None, codes)
    paths = check.get("paths", [])
    if not (
        isinstance(paths, list) and all(isinstance(item, dict) and _is_short(item.get("pattern")) for item in paths)
    ):
        raise file.refused("'paths' in [check] must be a list of tables, [[check.paths]], each with a 'pattern'")
    _make_sure_they_are_few(file, "check.paths", paths)
    for item in paths:
        pattern = _pattern(file, "check.paths", item["pattern"])
        said = {code: severity for code, severity in item.items() if code != "pattern"}
        verdicts = (*verdicts, *_verdicts(file, "check.paths", said, pattern, codes))
    _make_sure_they_are_cheap(file, "check.paths", [item["pattern"] for item in paths])
    return Policy(verdicts, rules, patterns(file, "immutable"))


def _table(file: File, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.refused(f"[{name}] must be a table")
    return value


def _verdicts(file: File, name: str, said: Any, pattern: str | None, codes: tuple[str, ...]) -> tuple[Verdict, ...]:
    for code, severity in _table(file, name, said).items():
        if code not in codes:
            raise file.refused(f"[{name}] has no '{code}'{_meant(code, codes)}")
        if severity not in _SEVERITIES:
            raise file.refused(f"'{code}' in [{name}] must be one of {', '.join(_SEVERITIES)}")
    return tuple(Verdict(code, severity, pattern) for code, severity in said.items())


class Links(NamedTuple):
    """What the table [links] says. roots: where `/x` begins, relative to the settings' folder; None: as the site says.

    ignored and addresses are those of Rules, facets override those of every dialect.
    """

    ignored: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    roots: tuple[str, ...] | None = None
    facets: Overrides = ()


def links(file: File, said: dict[str, Any]) -> Links:
    """Return what the table [links] says. Raises UsageError."""
    if not said:
        return Links()
    from mdcache.dialects import facets  # here, not at the top: it brings all dialects

    keys = (*_LINK_KEYS, *facets.BY_NAME)
    for key, value in said.items():
        if key not in keys:
            raise file.refused(f"[links] has no '{key}'{_meant(key, keys)}")
        wanted = facets.BY_NAME[key].refuses(value) if key in facets.BY_NAME else None
        if wanted:
            raise file.refused(f"'{key}' in [links] must be {wanted}")
        if key in facets.BY_NAME and isinstance(value, list):
            _texts(file, "links.facets", value)  # each is looked through for every document
    given = ((key, tuple(value) if isinstance(value, list) else value) for key, value in said.items())
    roots = _texts(file, "links.roots", said["roots"]) if "roots" in said else None
    return Links(
        ignored=_expressions(file, said.get("ignore", [])),
        addresses=_addresses(file, said.get("urls", {})),
        roots=roots and tuple(one.strip("/") for one in roots),
        facets=tuple((key, value) for key, value in given if key in facets.BY_NAME),
    )


def _texts(file: File, key: str, value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(map(_is_short, value))):
        raise file.refused(f"'{key}' must be a list of strings, of {_LONGEST_TEXT:,} characters at most")
    _make_sure_they_are_few(file, key, value)
    return tuple(value)


def _expressions(file: File, value: Any) -> tuple[str, ...]:
    patterns, costs = _texts(file, "links.ignore", value), 0
    for pattern in patterns:
        try:
            costs += expressions.cost(pattern)
        except ValueError as error:
            raise file.refused(f"'links.ignore' has {pattern!r}: {error}") from error
    if costs > expressions.COST_LIMIT:
        raise file.refused("'links.ignore' takes too long: 50 expressions, and of these 5 with * or + in the middle")
    return patterns


def _addresses(file: File, said: Any) -> tuple[tuple[str, str], ...]:
    addresses = _table(file, "links.urls", said)
    _make_sure_they_are_few(file, "links.urls", addresses)
    for begins, folder in addresses.items():
        if not (_is_short(begins) and "://" in begins and _is_short(folder)):
            raise file.refused("'links.urls' must be a table of addresses, as 'https://…', with the folders they mean")
    longest_first = sorted(addresses.items(), key=lambda one: (-len(one[0]), one))
    return tuple((begins, folder.strip("/")) for begins, folder in longest_first)


def dialect(file: File, name: Any) -> str:
    """Return the name of a dialect. Raises UsageError for one that is not known."""
    from mdcache.dialects.known import dialects

    if not isinstance(name, str) or name not in dialects():
        raise file.refused(f"no dialect is called '{name}'{_meant(str(name), (AUTO, *dialects()))}")
    return name


def path_rule(file: File, rule: dict[str, Any]) -> PathRule:
    """Return what a table of [[paths]] says. Raises UsageError."""
    for key, value in rule.items():
        if key not in _PATH_KEYS:
            raise file.refused(f"[[paths]] has no '{key}'{_meant(key, _PATH_KEYS)}")
        if not _is_short(value):
            raise file.refused(f"'{key}' in [[paths]] must be a string, of {_LONGEST_TEXT:,} characters at most")
    if "pattern" not in rule:
        raise file.refused("[[paths]] without a 'pattern'")
    pattern = _pattern(file, "paths", rule["pattern"])
    named = dialect(file, rule["dialect"]) if "dialect" in rule else None
    return PathRule(pattern, rule.get("type"), rule.get("domain"), rule.get("layer"), named)


def watch(file: File, values: dict[str, Any]) -> Watch:
    """Return what the table [watch] says. Raises UsageError."""
    for key, value in values.items():
        if key not in Watch._fields:
            raise file.refused(f"[watch] has no '{key}'{_meant(key, Watch._fields)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST:
            raise file.refused(f"'{key}' in [watch] must be a number above 0")
    return Watch(**values)
