"""Answers from a cache that was published: search, texts, links, SQL, the change feed, status.

Takes an open cache and a question; gives frozen values. It writes nothing, builds nothing, and prints nothing.
"""
