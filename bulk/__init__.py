"""Work in bulk: many independent tasks at once, and explanations of whole files."""
