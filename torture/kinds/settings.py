"""Settings that are found: mdcache.toml and pyproject.toml, of up to 1 MB."""

from __future__ import annotations

from functools import partial

from torture.kinds import ALL, CHECKS, IS_ROOT, ODD, OF_GIT, REFUSES, WHOLE, Kind, documented, odd, put
from torture.stranger import SOMEBODY, Place

_COMMANDS = (
    "check",
    "sync",
    "rebuild",
    "check --verbose",
    "status",
    "search words",
    "doctor",
    "verify",
    "watch --stop",
)

# Lines for mdcache.toml; with a table's name before them they stand in pyproject.toml.
_TEXTS = {
    "deep keys": ".".join("a" * 30_000) + " = 1",
    "deep quoted keys": ".".join(['"a"'] * 15_000) + " = 1",
    "deep keys in an inline table": "a = {" + ".".join("b" * 30_000) + " = 1}",
    "many deep keys": "".join(f"k{number}." + ".".join("a" * 200) + " = 1\n" for number in range(1_000)),
    "deep lists": "docs = " + "[" * 60_000,
    "closed deep lists": "docs = " + "[" * 400 + "]" * 400,
    "deep inline tables": "a = " + "{a = " * 20_000,
    "many keys": "".join(f"k{number} = 1\n" for number in range(60_000)),
    "a long text": 'database = "' + "x" * 1_000_000 + '"',
    "a long open text": 'docs = ["' + "x" * 1_000_000,
    "a long number": "size_limit = " + "1" * 1_000_000,
    "a long fraction": "size_limit = 1." + "1" * 900_000,
    "a long key": "x" * 1_000_000 + " = 1",
    "many newlines": "\n" * 1_000_000,
    "many comments": "#\n" * 500_000,
    "odd numbers": "size_limit = -9223372036854775808",
    "huge numbers": "size_limit = 999999999999999999999999999999",
    "a size limit of true": "size_limit = true",
    "a date for a text": "database = 1979-05-27T07:32:00Z",
    "a table for a text": "database = {a = 1}",
    "a text for a list": 'docs = "."',
    "a list in a list": 'docs = [["."]]',
    "many folders": "docs = [" + ", ".join(f'"d{number}"' for number in range(60_000)) + "]",
    "the root": 'docs = ["/"]',
    "the folder above": 'docs = [".."]',
    "a folder outside": 'docs = ["../outside"]',
    "a folder outside, in disguise": 'docs = ["x/../../outside"]',
    "a NUL in a folder": 'docs = ["a\\u0000b"]',
    "a newline in a folder": 'docs = ["a\\n::stop-commands::b"]',
    "a control character in a folder": 'docs = ["a\\u001b[2Jb"]',
    "an empty folder's name": 'docs = [""]',
    "a lone surrogate": 'docs = ["\\ud800"]',
    "a broken escape": 'docs = ["\\x"]',
    "no extension": 'extensions = [""]',
    "any extension": 'extensions = ["."]',
    "an extension with a slash": 'extensions = ["/../../outside/secret.md"]',
    "an extension of control characters": 'extensions = [".\\u001b[2J"]',
    "many extensions": "extensions = [" + ", ".join(f'".e{number}"' for number in range(60_000)) + "]",
    "all files are documents": 'extensions = [".toml", ".db", ".lock", ".md", ".sh"]',
    "many placeholders": "placeholders = [" + ", ".join(f'"*a{number}*b*"' for number in range(50_000)) + "]",
    "a placeholder of stars": 'placeholders = ["' + "*a" * 400_000 + 'b"]',
    "a placeholder of questions": 'placeholders = ["' + "?*" * 400_000 + 'b"]',
    "an unknown key of control characters": '"a\\u001b]0;owned\\u0007\\u001b[2J" = 1',
    "an unknown key that commands": '"x\\n::stop-commands::y" = 1',
    "an unknown key for Azure": '"##vso[task.complete result=Failed]" = 1',
    "an unknown key of 100 kB": '"' + "k" * 100_000 + '" = 1',
    "a code of control characters": '[check.codes]\n"\\u001b[2J" = "off"',
    "a severity that commands": '[check.codes]\nbroken-link = "\\n::stop-commands::y"',
    "a rule's name that commands": '[check.rules]\n"\\n::stop-commands::y" = "SELECT 1"',
    "an endless debounce": "[watch]\ndebounce_ms = inf\nreconcile_s = nan\npoll_s = -1",
    "a huge debounce": "[watch]\ndebounce_ms = 1e308\nreconcile_s = 1e308\npoll_s = 1e308",
    "many path rules": "".join(f'[[paths]]\npattern = "a{number}/**"\ntype = "t"\n' for number in range(15_000)),
    "many check paths": "".join(f'[[check.paths]]\npattern = "a{number}*"\nbroken-link = "off"\n' for number in range(15_000)),
    "many schema files": "schema = [" + ", ".join(f'"s{number}.sql"' for number in range(60_000)) + "]",
    "a schema file outside": 'schema = ["../outside/secret.md"]',
    "a schema file that is a device": 'schema = ["/dev/zero"]',
    "broken, with control characters": "\x1b]0;owned\x07\x1b[2J = = =",
    "broken, with a command": "x = 1\n::stop-commands::y\n",
    "broken, with a lone carriage return": "x = 1\r::stop-commands::y = 2\n",
    "broken bytes": "x = '\udcff\udcfe'",
    "a byte order mark": "\ufeffdocs = ['.']",
    "NULs": "\0" * 1_000,
}  # fmt: skip

# Places that a found database must not take, with what lies there.
_DATABASES = (
    *(".git/shallow", ".git/HEAD.lock", ".git/hooks/pre-commit", ".git/index", ".git/config", ".git/refs/heads/x"),
    *(".git/objects/info/alternates", ".git/x.db", ".mdcache/../.git/info/grafts", "sub/.git/HEAD", ".git"),
    *("/dev/null", "/dev/stdout", "../outside/x.db", "../x.db", "a.md", "mdcache.toml", ".gitignore", "empty.py"),
    *(".", "", "pkg/", "-x", "fifo", "leads/x.db", "linked.db", "a\\u0000b", "c\\n::stop-commands::d.db", "e\\u001b[2J.db"),
    *("f?mode=memory", "file:x.db?vfs=none", ":memory:", "g" * 300, "h/" * 3_000 + "x.db", ".git/modules/x/HEAD", ".GIT/x.db"),
    *(".mdcache/cache.db.lock", ".mdcache/.gitignore", "a.md/x.db", "~/x.db", "$HOME/x.db", "/proc/self/fd/1", "/tmp/../x.db"),
)  # fmt: skip


def _database(path: str) -> Kind:
    def make(place: Place) -> None:
        place.documents()
        place.committed()
        place.write("empty.py", "")
        place.write("mdcache.toml", f'database = "{path}"\n')
        (place.folder / "leads").symlink_to(place.outside)
        (place.folder / "linked.db").symlink_to(place.outside / "x.db")
        put(place, "fifo", "fifo")
        put(place, "sub/.git", "folder")

    shown = path if len(path) < 60 else f"{path[:20]}… of {len(path)}"
    harmless = (
        "clone/g*",
        "clone/f*",
        "clone/-x*",
        "clone/:*",
        "clone/[~$]*",
        "clone/h",
        "clone/h/*",
        "clone/pkg*",
        "clone/.gitignore*",
        "clone/c*.db*",
        "clone/e*.db*",
    )
    commands = ("sync", "rebuild", "status", "check", "search words", "watch --stop")
    return Kind(f"a found database at {shown!r}", make, commands, may_change=harmless)


def _in_project(text: str) -> str:
    """Return the lines as a table of pyproject.toml."""
    return "[tool.mdcache]\n" + text.replace("[watch]", "[tool.mdcache.watch]").replace(
        "[check.", "[tool.mdcache.check."
    ).replace("[[check.", "[[tool.mdcache.check.").replace("[[paths]]", "[[tool.mdcache.paths]]")


_PROJECTS = {
    "deep keys of others": "[tool.other]\n" + ".".join("a" * 30_000) + " = 1",
    "a deep table of others": "[" + ".".join("a" * 30_000) + "]\nx = 1",
    "many tables of others": "".join(f"[tool.t{number}]\nx = 1\n" for number in range(40_000)),
    "broken below": "[tool.mdcache]\ndocs = ['.']\n[tool.other\n",
    "a tool of text": 'tool = "mdcache"',
    "a table that is none": "[tool]\nmdcache = 1",
    "a list of tables": "[[tool.mdcache]]\ndocs = ['.']",
}


def _of_somebody(name: str, content: str, place: Place) -> None:
    """Another user has put a file into the folder above; the user stands below, in a folder of their own."""
    place.documents()
    place.write("mine/a.md", "# A guide\n\n[gone](gone.md) words\n")
    import os

    os.chown(place.write(name, content), SOMEBODY, SOMEBODY)
    place.folder.chmod(0o1777)


_OTHERS = (
    Kind(f"somebody's {name} above", partial(_of_somebody, name, content), ("check", "sync", "rebuild", "search words"), at="mine", statuses=statuses, may_change=("clone/mine/.mdcache*",))
    for name, content, statuses in (
        ("mdcache.toml", "docs = ['mine']\n[check.codes]\nbroken-link = 'off'\n", REFUSES),
        ("pyproject.toml", "[tool.mdcache]\ndocs = ['mine']\nexclude = ['*']\n", REFUSES),
    )
)  # fmt: skip

# The files of sites and vaults: 1 MB that is deep, never closed, doubles itself or leads out.
_SITES = {
    "deep": ("mkdocs.yml", "nav: " + "[" * 900_000),
    "deep tables": ("hugo.toml", "a = " + "{a = " * 180_000),
    "deep braces": ("docusaurus.config.js", "export default " + "{a: " * 200_000),
    "deep lists of LISP": ("logseq/config.edn", "{" * 900_000),
    "doubling aliases": ("_config.yml", "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *{'a' if not n else f'b{n - 1}'}]\n" for n in range(60))),
    "doubling constants": ("astro.config.mjs", "starlight({})\n" + "".join(f"const a{n} = `${{a{n - 1}}}${{a{n - 1}}}`\n" for n in range(20_000))),
    "an endless comment": ("astro.config.mjs", "starlight({}) /*" + "*" * 900_000),
    "an endless text": ("docusaurus.config.js", "x = '" + "\\" * 900_000),
    "endless stars": ("hugo.toml", "title = 'x'", "static/_redirects", "/" + "*/" * 400_000 + " /b\n"),
    "many redirects": ("hugo.toml", "title = 'x'", "netlify.toml", "".join(f"[[redirects]]\nfrom='/a{n}/*'\nto='/b'\n" for n in range(15_000))),
    "many vaults": ("dendron.yml", "workspace:\n  vaults:\n" + "".join(f"    - fsPath: v{n}\n" for n in range(30_000))),
    "folders outside": ("mkdocs.yml", "docs_dir: ../outside\ntheme: {custom_dir: /etc}\n", "book.toml", "[book]\nsrc = '/etc'\n"),
    "1 MB and more": (".gitlab-ci.yml", "# x\n" * 500_000, ".vscode/settings.json", '{"foam.x": ' * 100_000),
}  # fmt: skip


def _many_sites(place: Place) -> None:
    place.documents()
    for number in range(3_000):
        place.write(f"d{number % 50}/s{number}/mkdocs.yml", "docs_dir: ../../../outside\n")
        place.write(f"d{number % 50}/s{number}/astro.config.mjs", "starlight({})\n")


def _of_site(said: tuple[str, ...]) -> dict[str, str | bytes]:
    return dict(zip(said[::2], said[1::2], strict=True))


KINDS = (
    *(Kind(f"a site's settings: {name}", documented(_of_site(said)), _COMMANDS) for name, said in _SITES.items()),
    Kind("3,000 sites that lead outside", _many_sites, _COMMANDS),
    *(Kind(f"settings: {name}", documented({"mdcache.toml": text}), _COMMANDS) for name, text in _TEXTS.items()),
    *(
        Kind(f"a project's settings: {name}", documented({"pyproject.toml": _in_project(_TEXTS[name])}), _COMMANDS)
        for name in ("deep keys", "many deep keys", "deep lists", "a folder outside", "many keys", "a long number",
                     "an unknown key of control characters", "an unknown key that commands", "a rule's name that commands")
    ),
    *(Kind(f"a project with {name}", documented({"pyproject.toml": text}), _COMMANDS) for name, text in _PROJECTS.items()),
    *(
        Kind(f"{name} is a {what}", odd(name, what), (*_COMMANDS, *CHECKS))
        for name in ("mdcache.toml", "pyproject.toml")
        for what in ODD
    ),
    *(Kind(f"mdcache.toml is a {what}, in a repository", odd("mdcache.toml", what, Place.committed), OF_GIT) for what in ("fifo", "link", "zero")),
    *map(_database, _DATABASES),
    *(_OTHERS if IS_ROOT else ()),
    Kind("settings that are committed and broken", documented({"mdcache.toml": "docs = 7"}), ALL),
    Kind("settings with long paths in check", documented({"mdcache.toml": '[[check.paths]]\npattern = "' + "a/**/" * 150_000 + '"\nbroken-link = "off"\n'}), WHOLE),
)  # fmt: skip
