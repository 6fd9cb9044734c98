"""Where settings come from, what they may say, and what a file that nobody named may not."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from odd import ODD, put

from mdcache.config.policy import Policy, Rule, Verdict
from mdcache.config.settings import Asked, Settings, load
from mdcache.config.template import TEMPLATE
from mdcache.config.values import Watch
from mdcache.errors import UsageError
from mdcache.files.scan import Tree
from mdcache.files.sources import Trees
from mdcache.model import PathRule

Vault = Callable[..., Path]


def found(folder: Path, *docs: str, environment: dict[str, str] | None = None, **asked: str) -> Settings:
    return load(Asked(str(folder), asked.get("config"), asked.get("database"), docs), environment or {})


def refused(folder: Path, *docs: str, environment: dict[str, str] | None = None, **asked: str) -> str:
    with pytest.raises(UsageError) as caught:
        found(folder, *docs, environment=environment, **asked)
    return str(caught.value)


def with_settings(vault: Vault, text: str) -> Path:
    return vault({"mdcache.toml": text, "docs/a.md": "", "views.sql": "CREATE VIEW v AS SELECT 1;"})


# Where they come from


def test_without_settings_the_base_is_the_root_and_the_cache_lies_in_the_working_folder(vault: Vault) -> None:
    folder = vault({"docs/a.md": ""})
    settings = found(folder, "docs")
    assert (settings.file, settings.base, settings.roots) == (None, f"{folder}/docs", (f"{folder}/docs",))
    assert settings.database == f"{folder}/.mdcache/cache.db"


def test_without_settings_several_roots_have_their_common_folder_for_a_base(vault: Vault) -> None:
    folder = vault({"a/b/c/": "", "a/d/": "", "a/b-c/": ""})
    settings = found(folder, "a/d", "a/b/c", "a/b-c", "a/d")
    assert settings.base == f"{folder}/a"
    assert settings.roots == (f"{folder}/a/b-c", f"{folder}/a/b/c", f"{folder}/a/d")
    assert settings.relative_roots() == ("b-c", "b/c", "d")


def test_without_settings_and_roots_the_cache_must_say(vault: Vault) -> None:
    folder = vault({})
    assert (found(folder).base, found(folder).roots) == (str(folder), ())


def test_wikilinks_and_placeholders_are_rules_and_change_rows(vault: Vault) -> None:
    plain = found(with_settings(vault, ""))
    assert (plain.rules().wikilinks, "*{{*}}*" in plain.rules().placeholders) == (True, True)
    for text in ("wikilinks = false", "placeholders = []"):
        other = found(with_settings(vault, text))
        assert other.rules() != plain.rules()._replace(roots=other.rules().roots)
        assert other.fingerprint() != plain.fingerprint()


def test_a_settings_file_is_found_by_walking_up(vault: Vault) -> None:
    folder = with_settings(vault, 'docs = ["docs"]\nsize_limit = 5')
    settings = found(folder / "docs")
    assert settings.file == f"{folder}/mdcache.toml"
    assert (settings.base, settings.roots) == (str(folder), (f"{folder}/docs",))
    assert (settings.relative_roots(), settings.rules().roots) == (("docs",), ("docs",))
    assert settings.database == f"{folder}/.mdcache/cache.db"
    assert settings.rules().size_limit == 5


def test_the_nearest_settings_file_counts(vault: Vault) -> None:
    folder = vault({"mdcache.toml": "size_limit = 1", "a/pyproject.toml": "[tool.mdcache]\nsize_limit = 2", "a/b/": ""})
    assert found(folder).size_limit == 1
    assert found(folder / "a/b").size_limit == 2
    vault({"a/mdcache.toml": "size_limit = 3"}, into=folder)
    assert found(folder / "a/b").size_limit == 3


def test_a_pyproject_without_our_table_is_passed_by(vault: Vault) -> None:
    folder = vault({"mdcache.toml": "size_limit = 1", "a/pyproject.toml": "[tool.other]\nmdcache = 2", "b/": ""})
    assert found(folder / "a").size_limit == 1
    vault({"b/pyproject.toml": "this is not TOML"}, into=folder)
    assert found(folder / "b").size_limit == 1
    vault({"b/pyproject.toml": "tool = 'mdcache'"}, into=folder)
    assert found(folder / "b").size_limit == 1


def test_an_empty_settings_file_means_all_below_it(vault: Vault) -> None:
    for files in ({"mdcache.toml": ""}, {"pyproject.toml": "[tool.mdcache]"}):
        folder = vault(files)
        assert (found(folder).base, found(folder).roots) == (str(folder), (str(folder),))
        assert found(folder).relative_roots() == ("",)


def test_what_init_writes_holds_the_defaults(vault: Vault) -> None:
    uncommented = "\n".join(line.removeprefix("# ") for line in TEMPLATE.splitlines() if " = " in line or "[[" in line)
    assert {*tomllib.loads(uncommented)} >= {"docs", "include", "exclude", "extensions", "size_limit", "paths"}
    with_template, with_nothing = found(with_settings(vault, TEMPLATE)), found(with_settings(vault, ""))
    assert with_template.fingerprint() == with_nothing.fingerprint()
    defaults = {"size_limit": with_nothing.size_limit, "extensions": list(with_nothing.extensions)}
    assert {key: tomllib.loads(uncommented)[key] for key in defaults} == defaults


# What outweighs what


def test_the_command_line_outweighs_the_environment_and_that_the_file(vault: Vault) -> None:
    folder = with_settings(vault, 'database = "from/file.db"')
    (folder / "sub").mkdir()
    environment = {"MDCACHE_DB": "from/environment.db"}
    assert found(folder / "sub").database == f"{folder}/from/file.db"
    assert found(folder / "sub", environment=environment).database == f"{folder}/sub/from/environment.db"
    assert found(folder / "sub", environment=environment, database="../c.db").database == f"{folder}/c.db"
    assert found(folder, environment={"MDCACHE_DB": ""}).database == f"{folder}/from/file.db"


def test_docs_of_the_command_line_replace_those_of_the_file(vault: Vault) -> None:
    folder = with_settings(vault, 'docs = ["docs"]')
    (folder / "more").mkdir()
    settings = found(folder / "docs", "../more")
    assert (settings.base, settings.roots) == (str(folder), (f"{folder}/more",))


def test_a_root_outside_the_settings_folder_moves_the_base(vault: Vault) -> None:
    folder = vault({"project/mdcache.toml": "", "elsewhere/": ""})
    settings = found(folder / "project", "../elsewhere", ".")
    assert settings.base == str(folder)
    assert settings.relative_roots() == ("elsewhere", "project")


def test_a_named_file_outweighs_the_one_that_would_be_found(vault: Vault) -> None:
    folder = vault(
        {"mdcache.toml": "size_limit = 1", "etc/other.toml": "size_limit = 2", "etc/third.toml": "size_limit = 3"}
    )
    environment = {"MDCACHE_CONFIG": "etc/other.toml"}
    assert found(folder, environment=environment).size_limit == 2
    assert found(folder, environment=environment).base == f"{folder}/etc"
    assert found(folder, environment=environment, config="etc/third.toml").size_limit == 3


def test_a_named_pyproject_needs_our_table(vault: Vault) -> None:
    folder = vault(
        {"pyproject.toml": "[tool.mdcache]\n", "a/pyproject.toml": "[project]", "b/pyproject.toml": "tool = 1"}
    )
    assert found(folder, config="pyproject.toml").roots == (str(folder),)
    for name in ("a", "b"):
        assert refused(folder, config=f"{name}/pyproject.toml").endswith("has no table [tool.mdcache]")


# A file that was found speaks only for its own folder

OUTSIDE = [
    'docs = [".", "../x"]',
    'docs = ["link"]',
    'database = "/tmp/c.db"',
    'database = "link/c.db"',
    'schema = ["link/v.sql"]',
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_found_file_may_not_lead_outside_its_folder(vault: Vault, text: str) -> None:
    folder = vault({"project/mdcache.toml": text, "x/v.sql": "CREATE VIEW v AS SELECT 1;"})
    (folder / "project/link").symlink_to("../x")
    key = text.partition(" ")[0]
    assert f"mdcache.toml: '{key}' leads outside its folder" in refused(folder / "project")
    assert found(folder / "project", config="mdcache.toml").file


def test_a_default_database_that_is_led_outside_is_refused(vault: Vault) -> None:
    folder = vault({"project/mdcache.toml": "", "x/": ""})
    (folder / "project/.mdcache").symlink_to("../x")
    assert "'database' leads outside its folder" in refused(folder / "project")
    assert found(folder / "project", database=".mdcache/c.db").database == f"{folder}/x/c.db"


def test_without_settings_the_cache_is_not_led_outside_either(vault: Vault) -> None:
    folder = vault({"project/": "", "x/": ""})
    (folder / "project/.mdcache").symlink_to("../x")
    where = f".mdcache/cache.db, a link to {folder}/x/cache.db"
    said = f"{folder}/project: 'database' leads outside its folder ({where}): name it with --db"
    assert refused(folder / "project") == said


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_schema_file_that_is_no_file_is_not_read(vault: Vault, make: Callable[[Path], None]) -> None:
    folder = with_settings(vault, 'schema = ["own.sql"]')
    make(folder / "own.sql")
    assert "the schema file own.sql is no file" in refused(folder)


@pytest.mark.parametrize("name", ["mdcache.toml", "pyproject.toml", "views.sql"])
def test_a_file_as_large_as_a_disk_is_not_read(vault: Vault, name: str) -> None:
    folder = vault({"mdcache.toml": 'schema = ["views.sql"]', "views.sql": ""})
    if name == "pyproject.toml":
        (folder / "mdcache.toml").unlink()
        (folder / name).touch()
    os.truncate(folder / name, 1 << 40)
    assert refused(folder) == f"{folder}/{name} is longer than 1 MB"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a." * 30_000 + "a = 1", "is not valid TOML: a key of more than 20 parts (at line 1)"),
        (f"docs = {['.'] * 1001}", "'docs' has 1,001 entries, and may have 1,000"),
        (f"exclude = {['x'] * 1001}", "'exclude' has 1,001 entries, and may have 1,000"),
        (f"immutable = {['x'] * 1001}", "'immutable' has 1,001 entries, and may have 1,000"),
        (f"placeholders = {['x'] * 101}", "'placeholders' has 101 entries, and may have 100"),
        (f"extensions = {['.x'] * 101}", "'extensions' has 101 entries, and may have 100"),
        (f"schema = {['x.sql'] * 101}", "'schema' has 101 entries, and may have 100"),
        ("[[paths]]\npattern = 'x'\n" * 201, "'paths' has 201 entries, and may have 200"),
        ("[[check.paths]]\npattern = 'x'\n" * 201, "'check.paths' has 201 entries, and may have 200"),
        (f"exclude = {['**/a/**/b'] * 100}", "'exclude': more than 1,000 patterns with wildcards"),
        (f"include = {['*' + 'a' * 4000 + '*'] * 10}", "'include': more than 1,000 patterns with wildcards"),
        (f"immutable = {['**/a/**/b'] * 100}", "'immutable': more than 1,000 patterns with wildcards"),
        ("[[paths]]\npattern = '**/a/**/b'\n" * 100, "'paths': more than 1,000 patterns with wildcards"),
        ("[[check.paths]]\npattern = '**/a/**/b'\n" * 100, "'check.paths': more than 1,000 patterns with wildcards"),
        (
            "[check.rules]\n" + "".join(f"r{n} = 'SELECT 1'\n" for n in range(101)),
            "'check.rules' has 101 entries, and may have 100",
        ),
        (f"docs = ['{'x/' * 400_000}']", "'docs' must be a list of strings, of 4,096 characters at most"),
        (f"exclude = ['{'*a' * 400_000}']", "'exclude' must be a list of strings, of 4,096 characters at most"),
        (f"database = '{'x/' * 400_000}'", "'database' must be a path"),
        (f"[[paths]]\npattern = '{'*a' * 400_000}'", "'pattern' in [[paths]] must be a string, of 4,096 characters"),
        (f"[[check.paths]]\npattern = '{'*a' * 400_000}'", "'paths' in [check] must be a list of tables"),
        (f"{'x' * 900_000} = 1", "no setting is called 'xxx"),
        (f"[check.rules]\n{'x' * 900_000} = 'SELECT 1'", "rule 'xxx"),
        (f"[check.codes]\n{'x' * 900_000} = 'off'", "[check.codes] has no 'xxx"),
        (f"size_limit = 0x{'f' * 900_000}", "'size_limit' must be a number of bytes"),
    ],
)
def test_settings_out_of_all_proportion_are_refused_in_one_short_line_at_once(
    vault: Vault, text: str, message: str
) -> None:
    folder = vault({"mdcache.toml": text})
    began = time.process_time()
    said = refused(folder)
    assert time.process_time() - began < 3
    assert message in said
    assert len(said) < 1500
    assert "\n" not in said


def test_a_link_to_a_settings_file_speaks_for_where_the_link_stands(vault: Vault) -> None:
    folder = vault({"real/mdcache.toml": "", "project/": ""})
    (folder / "project/mdcache.toml").symlink_to("../real/mdcache.toml")
    assert found(folder / "project").base == f"{folder}/project"


def test_links_within_the_folder_are_fine(vault: Vault) -> None:
    folder = with_settings(vault, 'docs = ["link"]')
    (folder / "link").symlink_to("docs")
    assert found(folder).roots == (f"{folder}/docs",)


def test_a_name_that_begins_like_the_folder_lies_outside(vault: Vault) -> None:
    folder = vault({"project/mdcache.toml": 'docs = ["../project-2"]', "project-2/": ""})
    assert "leads outside" in refused(folder / "project")


# What they may say


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("doc = ['x']", "no setting is called 'doc': did you mean 'docs'?"),
        (
            "xyzzy = 1",
            "no setting is called 'xyzzy': there are docs, include, exclude, extensions, schema, placeholders, "
            "immutable, database, size_limit, wikilinks, dialect, links, paths, watch, check",
        ),
        ("docs = 'docs'", "'docs' must be a list of strings"),
        ("include = [1]", "'include' must be a list of strings"),
        ('docs = ["a\\u0000b"]', "'docs' must be a list of strings"),
        ("docs = []", "'docs' is empty"),
        ("extensions = []", "'extensions' is empty"),
        ("extensions = ['md']", "'md' is no extension: write it like '.md'"),
        ("extensions = ['.tar.md']", "'.tar.md' is no extension"),
        ("database = 1", "'database' must be a path"),
        ("database = ''", "'database' must be a path"),
        ("size_limit = 0", "'size_limit' must be a number of bytes"),
        ("size_limit = true", "'size_limit' must be a number of bytes"),
        ("size_limit = 1.5", "'size_limit' must be a number of bytes"),
        ("size_limit = 1_000_000_001", "'size_limit' must be a number of bytes, at most 1000000000"),
        ("wikilinks = 1", "'wikilinks' must be true or false"),
        ("placeholders = '*'", "'placeholders' must be a list of strings"),
        ("paths = 1", "'paths' must be a list of tables: [[paths]]"),
        ("[paths]", "'paths' must be a list of tables: [[paths]]"),
        ("[[paths]]\ntype = 'x'", "[[paths]] without a 'pattern'"),
        ("[[paths]]\npattern = 'x'\ndomian = 'y'", "[[paths]] has no 'domian': did you mean 'domain'?"),
        ("[[paths]]\npattern = 'x'\nlayer = 1", "'layer' in [[paths]] must be a string"),
        ("[[paths]]\npattern = '# x'", "'paths': no path can match the pattern '# x'"),
        ("include = ['a', '[']", "'include': no path can match the pattern '['"),
        ("exclude = ['']", "'exclude': no path can match the pattern ''"),
        ("schema = ['gone.sql']", "gone.sql: No such file or directory"),
        ("schema = ['latin1.sql']", "the schema file latin1.sql is not UTF-8"),
        ("docs = [", "is not valid TOML"),
        ("docs = " + "[" * 5000, "is not valid TOML"),
        ("size_limit = " + "9" * 5000, "is not valid TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(vault: Vault, text: str, message: str) -> None:
    folder = vault({"mdcache.toml": text, "latin1.sql": b"-- \xe9"})
    said = refused(folder)
    assert message in said
    assert said.startswith((f"{folder}/mdcache.toml", f"cannot read {folder}/"))
    assert "\n" not in said


def test_a_settings_file_that_is_not_utf8_is_refused(vault: Vault) -> None:
    assert "is not valid TOML" in refused(vault({"mdcache.toml": b"docs = ['\xff']"}))


def test_a_named_file_that_is_not_there_is_refused(vault: Vault) -> None:
    folder = vault({})
    assert refused(folder, config="gone.toml") == f"cannot read {folder}/gone.toml: No such file or directory"
    assert "Is a directory" in refused(folder, config=".")


def test_a_working_folder_that_is_not_there_is_refused(vault: Vault) -> None:
    assert refused(vault({}) / "gone").startswith("no such folder: ")


def test_all_settings_arrive(vault: Vault) -> None:
    folder = with_settings(
        vault,
        """
        include = ["*.md"]
        exclude = ["drafts/"]
        extensions = [".MD", ".txt"]
        schema = ["views.sql"]
        [[paths]]
        pattern = "docs/**"
        type = "guide"
        """,
    )
    settings = found(folder)
    assert settings.tree() == Tree(str(folder), (str(folder),), (".md", ".txt"), ("*.md",), ("drafts/",))
    assert settings.rules().paths == (PathRule("docs/**", "guide", None, None),)
    assert settings.schema.user == (("views.sql", "CREATE VIEW v AS SELECT 1;"),)


# The fingerprint


def test_the_fingerprint_changes_with_all_that_changes_rows_and_nothing_else(vault: Vault) -> None:
    texts = ["", 'docs = ["docs"]', 'include = ["a"]', 'exclude = ["a"]', 'extensions = [".md"]', "size_limit = 1"]
    texts += ['schema = ["views.sql"]', '[[paths]]\npattern = "a"', '[[paths]]\npattern = "b"']
    prints = {found(with_settings(vault, text)).fingerprint() for text in texts}
    assert len(prints) == len(texts)
    assert found(with_settings(vault, 'database = "other.db"')).fingerprint() in prints
    folder = with_settings(vault, 'schema = ["views.sql"]')
    vault({"views.sql": "CREATE VIEW v AS SELECT 2;"}, into=folder)
    assert found(folder).fingerprint() not in prints


def test_the_fingerprint_does_not_depend_on_where_the_documents_lie(vault: Vault) -> None:
    first, second = with_settings(vault, 'docs = ["docs"]'), with_settings(vault, 'docs = ["docs"]')
    os.rename(second, f"{second}-moved")
    assert found(first).fingerprint() == found(Path(f"{second}-moved")).fingerprint()


# Watching


def test_how_to_watch_is_set_and_changes_no_row(vault: Vault) -> None:
    folder = with_settings(vault, "[watch]\ndebounce_ms = 50\npoll_s = 0.5\n")
    assert found(folder).watch == Watch(50, 300, 0.5)
    assert found(folder).fingerprint() == found(with_settings(vault, "")).fingerprint()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[watch]\ndebounce = 1", "'debounce': did you mean 'debounce_ms'?"),
        ("[watch]\npoll_s = 0", "'poll_s' in [watch] must be a number above 0"),
        ("[watch]\npoll_s = true", "must be a number"),
        ("[watch]\nreconcile_s = '1'", "must be a number"),
        ("watch = 1", "'watch' must be a table"),
    ],
)
def test_nonsense_about_watching_is_refused(vault: Vault, text: str, said: str) -> None:
    assert said in refused(with_settings(vault, text))


# Checking


def test_what_counts_as_a_problem_is_set_and_changes_no_row(vault: Vault) -> None:
    folder = with_settings(
        vault,
        """
        immutable = ["decisions/**"]
        [check.codes]
        broken-link = "warning"
        no-x = "off"
        [[check.paths]]
        pattern = "drafts/"
        broken-link = "off"
        not-utf8 = "error"
        [[check.paths]]
        pattern = "*.txt.md"
        no-x = "error"
        [check.rules]
        no-x = "SELECT path, 1 AS message FROM nodes"
        """,
    )
    policy = found(folder).policy
    assert policy.immutable == ("decisions/**",)
    assert policy.rules == (Rule("no-x", "SELECT path, 1 AS message FROM nodes"),)
    assert policy.verdicts == (
        Verdict("broken-link", "warning"),
        Verdict("no-x", "off"),
        Verdict("broken-link", "off", "drafts/"),
        Verdict("not-utf8", "error", "drafts/"),
        Verdict("no-x", "error", "*.txt.md"),
    )
    assert found(folder).fingerprint() == found(with_settings(vault, "")).fingerprint()
    assert found(with_settings(vault, "")).policy == Policy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("check = 1", "'check' must be a table: [check]"),
        ("[check]\ncode = 1", "[check] has no 'code': did you mean 'codes'?"),
        ("[check]\ncodes = 1", "[check.codes] must be a table"),
        ("[check.codes]\nbroken-lnk = 'off'", "[check.codes] has no 'broken-lnk': did you mean 'broken-link'?"),
        (
            "[check.codes]\nbroken-link = 'of'",
            "'broken-link' in [check.codes] must be one of error, warning, note, off",
        ),
        ("[check.codes]\nbroken-link = []", "'broken-link' in [check.codes] must be one of error, warning, note, off"),
        ("[check]\nrules = 1", "[check.rules] must be a table"),
        ("[check.rules]\nx = 1", "rule 'x' must be a string of SQL"),
        ('[check.rules]\nx = "a\\u0000b"', "rule 'x' must be a string of SQL"),
        (
            "[check.rules]\nbroken-link = 'SELECT 1'",
            "rule 'broken-link' must be a string of SQL, under a name of letters",
        ),
        ("[check.rules]\n'a b' = 'SELECT 1'", "rule 'a b' must be"),
        ("[check.rules]\n'' = 'SELECT 1'", "rule '' must be"),
        ("[check]\npaths = 1", "'paths' in [check] must be a list of tables, [[check.paths]], each with a 'pattern'"),
        ("[[check.paths]]\nbroken-link = 'off'", "each with a 'pattern'"),
        ("[[check.paths]]\npattern = 1", "each with a 'pattern'"),
        ("[[check.paths]]\npattern = '['", "'check.paths': no path can match the pattern '['"),
        ("[[check.paths]]\npattern = 'x'\nno-code = 'off'", "[check.paths] has no 'no-code'"),
        ("immutable = 'x'", "'immutable' must be a list of strings"),
        ("immutable = ['#x']", "'immutable': no path can match the pattern '#x'"),
    ],
)
def test_nonsense_about_checking_is_refused(vault: Vault, text: str, said: str) -> None:
    assert said in refused(with_settings(vault, text))


# Settings of another source


def test_what_the_source_has_of_the_files_counts_and_the_disk_for_the_rest(
    vault: Vault, git: Callable[..., str]
) -> None:
    folder = with_settings(vault, 'schema = ["views.sql", "new.sql"]\nsize_limit = 1\n')
    git(folder, "init", "-q")
    git(folder, "add", ".")
    vault({"mdcache.toml": "size_limit = 2", "views.sql": "-- other", "new.sql": "-- new"}, into=folder)
    index = Trees.around(str(folder)).index()
    settings = load(Asked(str(folder)), {}, index)
    assert (settings.size_limit, settings.source) == (1, index)
    assert [script.text for script in settings.schema.user] == ["CREATE VIEW v AS SELECT 1;", "-- new"]
    assert settings.tree().source is index
    assert load(Asked(str(folder)), {}).size_limit == 2


def test_a_table_that_the_source_has_not_is_that_of_the_disk(vault: Vault, git: Callable[..., str]) -> None:
    folder = vault({"pyproject.toml": "[project]\n"})
    git(folder, "init", "-q")
    git(folder, "add", ".")
    vault({"pyproject.toml": "[tool.mdcache]\nsize_limit = 3\n"}, into=folder)
    assert load(Asked(str(folder)), {}, Trees.around(str(folder)).index()).size_limit == 3
    git(folder, "add", ".")
    vault({"pyproject.toml": "[tool.mdcache]\nsize_limit = 4\n"}, into=folder)
    assert load(Asked(str(folder)), {}, Trees.around(str(folder)).index()).size_limit == 3


@pytest.mark.parametrize(
    ("database", "extensions"),
    [
        ("docs/index.md", '[".md"]'),
        ("docs/new/INDEX.MD", '[".md"]'),
        ("docs/index", '[".md", ".log"]'),
        ("docs/index", '[".lock"]'),
        ("docs/index.md", '[".db-wal", ".md-wal"]'),
    ],
)
def test_a_cache_that_would_be_read_as_a_document_is_refused(vault: Vault, database: str, extensions: str) -> None:
    folder = with_settings(vault, f'docs = ["docs"]\nextensions = {extensions}')
    assert "would be read as a document: name another cache with --db" in refused(folder, database=database)
    assert found(folder, database="elsewhere/index.md").database == f"{folder}/elsewhere/index.md"


@pytest.mark.parametrize("database", ["docs/index", "docs/md", "docs/.md.db", "docs.md"])
def test_a_cache_among_documents_is_none_of_them(vault: Vault, database: str) -> None:
    folder = with_settings(vault, 'docs = ["docs"]')
    assert found(folder, database=database).database == f"{folder}/{database}"


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "link"])
@pytest.mark.parametrize("name", ["other.toml", "own.sql"])
def test_settings_and_schemas_are_read_from_plain_files(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "other.toml").write_text('docs = ["."]\nschema = ["own.sql"]\n')
    (tmp_path / "own.sql").write_text("CREATE TABLE t (a);")
    assert load(Asked(str(tmp_path), config="other.toml"), {})
    put(kind, tmp_path / name)
    with pytest.raises(UsageError, match=f"{name}|/dev/zero|/nowhere/at/all"):
        load(Asked(str(tmp_path), config="other.toml"), {})


def test_settings_of_more_than_a_megabyte_are_refused(vault: Vault) -> None:
    folder = vault({"mdcache.toml": f"# {'x' * 1_000_000}\n"})
    assert refused(folder) == f"{folder}/mdcache.toml is longer than 1 MB"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[links]\nids = 'x'", "'ids' in [links] must be one of github"),
        ("[links]\nany_case = 1", "'any_case' in [links] must be true or false"),
        ("[links]\nxyzzy = 1", "[links] has no 'xyzzy'"),
        ("[links]\nignore = ['(a+)+']", "what is repeated in it holds a repeat"),
        ("[links]\nindex_names = [" + "'x'," * 101 + "]", "'links.facets' has 101 entries, and may have 100"),
        ("[links.urls]\nx = ''", "'links.urls' must be a table of addresses"),
        ("dialect = 'word'", "no dialect is called 'word'"),
    ],
)
def test_what_links_may_not_say_is_refused_in_one_line(vault: Vault, line: str, said: str) -> None:
    assert said in refused(vault({"mdcache.toml": line + "\n"}))
