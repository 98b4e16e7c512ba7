"""Feature visualization: what a network's units and classes respond to, as pictures."""
