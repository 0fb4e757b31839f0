"""Presets of tasks that read or write text: by encoders, by writers of summaries, and by language models."""
