"""Checks over a whole project, one file each, and how findings are printed."""
