"""How weights are found: the training engine."""
