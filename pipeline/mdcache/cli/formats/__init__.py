"""The formats of output: pure functions from values to lines of text, or to what becomes one JSON object.

findings   what check found: text, GitHub's commands, SARIF
rows       what a query gave: tables, CSV, TSV, JSON
"""
