"""The inspector: a page that asks the API and draws what it answers."""
