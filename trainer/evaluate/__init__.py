"""How good a bundle's explanations are: measured, and written into a new version."""
