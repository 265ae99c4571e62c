"""One file a modality: all that assay knows of what goes in."""
