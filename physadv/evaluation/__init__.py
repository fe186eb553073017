"""Batteries, controls, the outcomes table, statistics, and the runner that makes them."""
