"""A package that extends physadv: a part of every kind, one file each, found by entry points.

The tests install it, and put its parts through the tests that ours go through.
"""
