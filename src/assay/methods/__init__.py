"""Pure algorithms on arrays and networks."""
