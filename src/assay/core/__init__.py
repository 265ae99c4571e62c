"""The nouns: example, dataset, task, model, tally, figure, record. No modality is named here."""
