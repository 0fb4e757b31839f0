"""Monitors, each on numbers and on real runs."""
