"""One file a target: all that assay knows of what comes out."""
