"""assay: from raw data to a model you can ship and answer for."""
