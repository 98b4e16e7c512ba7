"""report.html: everything that one should see before trusting the tree, in one file."""
