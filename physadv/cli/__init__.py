"""The command line ``physadv``: one file a group of commands, joined in ``app``."""

from physadv.cli.app import main

__all__ = ["main"]
