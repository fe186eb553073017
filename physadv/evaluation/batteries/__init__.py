"""Batteries: frames of scenes, scored with controls; the outcomes table, its figures and their flags."""
