"""The detail of a spectrum, of which mel bands are the outline: where in a band the harmonics of a voice lie, and how deep
it falls between them.

Legend: B batch, T frames, M mel bands, F frequencies, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assay.networks._convolution import Convolution

LAYERS = 4  # frames that a frame is seen with: eight on either side


class Detail(nn.Module):
    """Convolutions over the frames of a mel spectrogram, and by how much each frequency is off the outline."""

    def __init__(self, bands: int, frequencies: int, width: int) -> None:
        super().__init__()
        self.bands = bands
        self.embedding = nn.Linear(bands, width)
        self.layers = nn.ModuleList(Convolution(width, 0.0) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, frequencies)
        nn.init.zeros_(self.out.weight)  # at first it is the outline
        nn.init.zeros_(self.out.bias)

    def forward(self, mel: Tensor, here: Tensor) -> Tensor:
        """``mel`` ``[B, T, M]`` and where there is a frame, ``here`` ``[B, T, 1]`` → ``[B, T, F]``."""
        x = self.embedding(mel) * here
        for layer in self.layers:
            x = layer(x, here)
        return self.out(self.norm(x)).float()  # type: ignore[no-any-return]

    def cost(self, known: Tensor) -> Tensor:
        """The mean absolute error, ``[B]``, where the detail is known.

        Args:
            known: ``[B, T, M + F]``, mel spectrograms and their detail.
        """
        mel, wanted = known[:, :, : self.bands], known[:, :, self.bands :]
        error: Tensor = self(mel, torch.ones_like(mel[:, :, :1])) - wanted
        return error.abs().mean((1, 2))
