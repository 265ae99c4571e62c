"""One file a task, one value each."""
