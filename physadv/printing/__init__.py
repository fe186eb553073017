"""Sheets in millimetres: stickers, their controls, and the rig that photographs are measured by."""
