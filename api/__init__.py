"""The REST service: protocols, cache, limits. Never imports torch or the trainer."""
