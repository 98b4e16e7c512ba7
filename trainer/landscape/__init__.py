"""The loss landscape around a trained network, and its tree's landscape beside it."""
