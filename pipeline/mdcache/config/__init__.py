"""What is asked for: the command line over the environment over the settings file over defaults.

Takes words and files; gives one frozen Settings, checked. It starts nothing and opens no cache.
"""
