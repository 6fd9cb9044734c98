"""TOML and YAML as strangers may write them: a text costs no more than it is long, and no tag makes anything.

Takes text and gives plain values; knows no document, no settings and no site.
"""
