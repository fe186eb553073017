"""Attacks on a sign in all frames at once: what may change on it, the search loop, and the designs."""
