"""Photographs of painted signs: what victims predict for them, beside simulated frames of the same conditions."""
