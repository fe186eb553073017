"""Scenes that are chains of Kornia's augmentations."""
