"""Training under tree regularization, and writing bundles. Offline: needs torch."""
