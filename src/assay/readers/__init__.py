"""One file a format on disk: files in, a `Source` of raw columns out."""
