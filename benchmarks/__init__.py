"""Side-by-side measurements: `python -m benchmarks` lists them. Never run as tests."""
