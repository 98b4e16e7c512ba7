"""One explanation method a file; explainers/registry.py lists them."""
