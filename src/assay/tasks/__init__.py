"""One file a task, one value each."""

DEMO = "image-classification"  # the task that `assay demo` shows unless another is named
