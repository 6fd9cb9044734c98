"""The declarative DDL of the cache, in reading order; found with importlib.resources.files("mdcache.schema")."""
