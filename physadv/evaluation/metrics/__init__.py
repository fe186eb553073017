"""Figures of a result: one registered class each, which report, terminal, JSON and JUnit go through."""
