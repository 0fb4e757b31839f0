"""Widgets: they know values, never the studio."""
