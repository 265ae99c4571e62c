"""What inputs and outputs share: tokenizers, catalogues, environments. Nothing here knows a network."""
