"""One file a verb: a `Config` and a `run`."""
