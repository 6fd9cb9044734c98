"""The command line: reads what is asked, calls one driver, prints the result, ends with the right exit status.

Takes words; gives lines, JSON and an exit status. Nothing below it prints, exits or knows click.
"""
