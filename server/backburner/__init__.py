"""Backburner: put work on the back burner. This file holds the version and imports nothing."""

__version__ = "0.1.0"
