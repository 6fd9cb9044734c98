"""One document's bytes become values: sections, links, tags, tasks, problems.

Takes a path, bytes and the rules of the settings; gives a model.Document. Pure: it never looks at another file, at
the disk, at a database or at a clock, and bad content never raises.
"""
