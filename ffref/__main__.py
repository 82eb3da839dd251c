"""`python -m ffref`: the same as `ffref`."""

from ffref.cli.main import entry_point

entry_point()
