"""A cache that is kept fresh: hints from the system, a schedule, and sync driven by both.

Takes Settings and a way to load them again; gives batches until it is stopped. It decides when to look, never what a
change means.
"""
