"""A sound as people look at it: loudness over time and frequency, its axes named.

Legend: T frames, M mel bands.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from assay.codecs.drawing import scaled
from assay.codecs.sound import Wave, hz_to_mel, log_mel
from assay.inputs import _audio_parts as parts
from assay.inputs._shade_cells import closed, keyed, over

WIDTH, HEIGHT = 280, 112  # of the spectrogram, in pixels
LEFT, BELOW, AROUND = 34, 16, 6
RANGE = 13.8  # nats of energy below the loudest that are still told from silence: 60 dB
BANDS = 96
# A ramp of even lightness from black to pale yellow, in the way of matplotlib's "magma".
RAMP = ((0, 0, 4), (43, 17, 95), (114, 31, 129), (183, 55, 121), (241, 96, 93), (254, 175, 119), (252, 253, 191))
INK, PAPER = (60, 60, 60), (255, 255, 255)


def picture(wave: Wave, rate: int, values: NDArray[np.float64] | None = None) -> str:
    """The log-mel spectrogram of a wave ``[n]`` as a base64 PNG; seconds run to the right, hertz upwards.

    With ``values`` of its parts (see `assay.inputs._audio_parts.cell_names`) it is grey, its cells coloured by them.
    """
    hop = max(1, len(wave) // (2 * WIDTH), rate // 500)
    size = 1 << max(6, (rate // 40).bit_length())
    mel = log_mel(torch.from_numpy(wave)[None], rate=rate, n_fft=size, hop=hop, n_mels=BANDS, floor=1e-12)[0].numpy()
    shade = np.clip((mel - mel.max()) / RANGE + 1, 0, 1).T[::-1]
    plot, most = Image.fromarray(_colours(shade)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), None
    if values is not None:
        shares, most = scaled(values)
        grey = Image.fromarray((255 * (1 - shade)).astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
        plot = over(grey, shares.reshape(parts.times(len(wave), rate), parts.BANDS).T[::-1])
    page = Image.new("RGB", (LEFT + WIDTH + AROUND, HEIGHT + BELOW + AROUND), PAPER)
    page.paste(plot, (LEFT, AROUND))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(9)
    seconds = len(wave) / rate
    for at in range(5):
        x = LEFT + at * (WIDTH - 1) // 4
        draw.line((x, AROUND + HEIGHT, x, AROUND + HEIGHT + 2), INK)
        text = f"{seconds * at / 4:.2f}{' s' if at == 4 else ''}"
        draw.text((x, AROUND + HEIGHT + 3), text, INK, font, anchor="ra" if at == 4 else "ma")
    top = float(hz_to_mel(rate / 2))
    for hertz in (hertz for hertz in (0, 500, 1_000, 2_000, 4_000, 8_000) if hertz <= rate / 2):
        y = AROUND + round((HEIGHT - 1) * (1 - float(hz_to_mel(hertz)) / top))
        draw.line((LEFT - 3, y, LEFT - 1, y), INK)
        text = f"{hertz // 1000} kHz" if hertz >= 1_000 else f"{hertz} Hz"
        draw.text((LEFT - 4, y), text, INK, font, anchor="rm")
    return closed((page if most is None else keyed(page, most)).quantize(64 if most is None else 200))


def _colours(shade: NDArray[np.float32]) -> NDArray[np.uint8]:
    ramp = np.array(RAMP, dtype=np.float64)
    at = shade * (len(ramp) - 1)
    channels = [np.interp(at, np.arange(len(ramp)), ramp[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)
