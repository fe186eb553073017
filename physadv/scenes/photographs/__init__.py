"""Photographs as scenes: paint on a real picture of a sign, in its light."""
