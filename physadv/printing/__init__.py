"""Sheets in millimeters: stickers, their controls, and the rig that photographs are measured by."""
