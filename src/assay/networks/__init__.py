"""Networks: bodies, heads and the blocks they are made of. They know tensors, no data."""
