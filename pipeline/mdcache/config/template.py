"""What `mdcache init` writes: a settings file with every setting, most of them as comments."""

from __future__ import annotations

TEMPLATE = """\
# mdcache: folders of markdown as a SQLite database. Every setting is optional; these are the defaults.

# Folders with documents, relative to this file.
docs = ["."]

# Which files count, in gitignore's syntax, relative to this file. .gitignore files are honoured anyway.
# include = ["guides/**", "*.md"]
# exclude = ["drafts/", "CHANGELOG.md"]
# extensions = [".md", ".markdown"]

# Of a larger document only the front matter is read (bytes).
# size_limit = 10000000

# Whether double brackets in a text make a link.
# wikilinks = true

# Links to what a template fills in are not judged; * stands for any text, and case does not matter.
# placeholders = ["*{{*}}*", "*{%*%}*", "*${*}*", "*<*>*", "toc", "_toc_"]

# How links and ids are read: as the site or vault does in which a document lies, or as one of these everywhere.
# dialect = "auto"

# The cache. Delete it whenever you like: mdcache rebuild makes it again.
# database = ".mdcache/cache.db"

# Committed documents that must stay as they are: mdcache check tells when one was changed, renamed or removed.
# immutable = ["decisions/**"]

# Your own tables, views and triggers, applied after the built-in ones.
# schema = ["views.sql"]

# What documents are by where they lie, when their front matter does not say.
# [[paths]]
# pattern = "decisions/**"
# type = "decision"

# Links: what is not judged (regular expressions), addresses that mean files here, where /x begins; and each facet of
# docs/dialects.md.
# [links]
# ignore = ["^https?://localhost"]
# urls = { "https://github.com/owner/name/blob/main/" = "" }
# roots = ["docs", "static"]

# mdcache watch: how long files must have been quiet, after how long all are compared whatever was announced, and how
# often where no changes are announced.
# [watch]
# debounce_ms = 200
# reconcile_s = 300
# poll_s = 2

# mdcache check: how grave a problem is (error, warning, note, off), everywhere and by path; and rules of your own,
# queries whose rows (path, line, message) are problems.
# [check.codes]
# ambiguous-link = "off"
# [[check.paths]]
# pattern = "drafts/**"
# broken-link = "warning"
# [check.rules]
# no-open-task = "SELECT path, line, 'a task is open' AS message FROM tasks JOIN nodes ON key = node WHERE NOT done"
"""
