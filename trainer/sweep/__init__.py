"""Sweeping the strength: many runs, one frontier, one choice."""
