"""Runners: how pieces of work whose results are files get done. Here one after another; others can register."""
