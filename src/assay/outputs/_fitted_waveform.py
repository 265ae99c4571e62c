"""Fitted sound outputs: encoding, loss, answers and tallies.

Legend: N examples, B batch, T frames, M mel bands, F frequencies, k tally columns.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.codecs.sound import SILENT, log_mel, mel_filters, read_sound
from assay.codecs.vocoder import detail_of, wave_of
from assay.core.attachment import Attachment
from assay.core.columns import Column
from assay.core.figure import count
from assay.core.metric import Array, Metric, ratio
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.core.record import Table
from assay.outputs._waveform_distance import beside_mean, distortion
from assay.outputs._waveform_picture import above

FLOOR = 1e-5  # magnitudes below this are silence
PEAK = 0.99  # a louder wave is made quieter
EXCERPT = 32  # frames of each recording that detail is learned from, half a second
WINDOW = 4  # hops that a frame sees
COMPARED = 200  # answers that are held beside the mean spectrum
STEP = 1 / 16  # nepers: answers hold detail in these, half a decibel
FULL = 32_767


@dataclass(frozen=True)
class FittedWaveform:
    """Sounds as log-mel spectrograms of one rate.

    Attributes:
        rate, hop, rounds: as `Waveform` has them.
        longest: the most frames of an answer.
        mean, spread: of each band in the training sounds: networks see spectrograms without them.
        detail: whether the network learns the detail of spectra (`assay.codecs.vocoder.detail_of`).
    """

    rate: int
    hop: int
    longest: int
    mean: tuple[float, ...] = field(repr=False)
    spread: tuple[float, ...] = field(repr=False)
    rounds: Annotated[int, Within(1, 10_000)] = 32
    detail: bool = False  # as models have it that were saved before there was such a thing

    adjustable: ClassVar[tuple[str, ...]] = ("rounds",)
    classes: ClassVar[tuple[str, ...]] = ()
    suffix: ClassVar[str] = ".wav"
    judged: ClassVar[str] = "negative_mel_cepstral_distortion"
    metrics: ClassVar[tuple[Metric, ...]] = (
        ratio("mel_cepstral_distortion", 0, 1, better="lower", unit="dB"),
        ratio("duration_error", 2, 3, better="lower"),
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def dims(self) -> JSON:
        """How many bands a frame has, how many frames an answer at most, and how many frequencies detail is of, if any."""
        more = {"frequencies": 1 + WINDOW * self.hop // 2} if self.detail else {}
        return {"bands": len(self.mean), "longest": self.longest, **more}

    def encode(self, ys: Sequence[Any], problems: Problems) -> Pack:
        """``{"mel": float16 [N, T, M], "length": int32 [N]}``: natural logarithms of magnitudes, 0 after the last frame, T
        those of the longest sound here. It takes a third of the memory that the samples would. Where detail is learned,
        half a second of each is there as samples too, ``{"excerpt": int16 [N, n]}``.

        What cannot be read, is silent or lasts too long is a problem.
        """
        nothing = np.zeros((1, len(self.mean)), dtype=np.float16)
        found = [nothing] * len(ys)
        excerpts = np.zeros((len(ys), (EXCERPT + WINDOW - 1) * self.hop if self.detail else 0), dtype=np.int16)
        for at, y in enumerate(list(ys) if isinstance(ys, Column) else ys):
            try:
                wave, _ = read_sound(y, self.rate, (self.longest - 1) * self.hop / self.rate)
            except ValueError as error:
                problems[at] = str(error)
                continue
            if np.abs(wave).max() < SILENT:
                problems[at] = "the sound is silent"
                continue
            found[at] = mel_of(wave, self.rate, self.hop, len(self.mean))[: self.longest].astype(np.float16)
            taken = excerpt(wave, excerpts.shape[1])
            excerpts[at, : len(taken)] = np.rint(taken * FULL)
        length = np.array([len(mel) for mel in found], dtype=np.int32)
        whole = np.zeros((len(ys), int(length.max(initial=1)), len(self.mean)), dtype=np.float16)
        for at, mel in enumerate(found):
            whole[at, : len(mel)] = mel
        encoded: Pack = {"mel": whole, LENGTH: length}
        return encoded | {"excerpt": excerpts} if self.detail else encoded

    def plain(self, y: Pack) -> None:
        """Nothing: a sound is neither one of a few classes nor a quantity."""
        return

    def forward(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Tensor:
        """What the network says, ``[B, T, M + 2]``: the spectrogram in units of each band's spread about its mean; then 1
        where there is a frame; then what finding the durations and the detail cost, the same at every frame of an example.

        With the target, T is that of the longest target, and each character lasts as long as it does there; without it, as
        long as the network expects, at no cost, and the detail of each frame follows, ``[B, T, M + 2 + F]``, where it is
        learned.
        """
        if y is None:
            return network(**x)  # type: ignore[no-any-return]
        target, here = self._target(y)
        mel = torch.cat([target, here.unsqueeze(2).float()], dim=2)
        given = (mel, self._detail(y["excerpt"])) if "excerpt" in y else mel
        return network(given=given, **x)  # type: ignore[no-any-return]

    def loss(self, raw: Tensor, y: Tensors) -> Tensor:
        """The mean absolute error of the frames in units of the bands' spread, and what finding the durations and the
        detail cost, ``[B]``."""
        target, here = self._target(y)
        mel, _, cost, _ = self._split(raw)
        error = (mel.float() - target).abs().mean(2) * here
        return error.sum(1) / here.sum(1) + cost[:, 0]

    def objective(self, raw: Tensor, y: Tensors, smoothing: float) -> Tensor:
        """The loss."""
        return self.loss(raw, y)

    def gap(self, a: Tensor, b: Tensor) -> Tensor:
        """The mean absolute difference of the spectrograms from the first frame on, in units of the bands' spread, ``[B]``;
        a frame that only one of them has counts as a difference of 1."""
        shared = min(a.shape[1], b.shape[1])
        (a, here, *_), (b, there, *_) = self._split(a), self._split(b)
        both = here[:, :shared] * there[:, :shared]
        difference = (a[:, :shared] - b[:, :shared]).abs().mean(2)
        frames, others = here.sum(1), there.sum(1)
        together = both.sum(1)
        most = torch.maximum(frames, others)
        return ((difference * both).sum(1) + most - together) / most

    def decode(self, network: nn.Module, x: Tensors, y: Tensors | None = None) -> Pack:
        """Answers: ``{"mel": float32 [B, longest, M], "length": int32 [B]}``, natural logarithms of magnitudes, 0 after the
        last frame, and where it is learned ``{"detail": int8 [B, longest, F]}``, their detail in sixteenths of a neper.
        The durations are the network's own whether or not the target is at hand; the wave is made in `rows`."""
        with torch.inference_mode():
            mel, here, _, detail = self._split(self.forward(network, x).float())
            mel = (mel * mel.new_tensor(self.spread) + mel.new_tensor(self.mean)) * here.unsqueeze(2)
            detail = (detail / STEP).round().clamp(-127, 127).to(torch.int8)
        answers: Pack = {"mel": self._whole(mel), LENGTH: here.sum(1).to(torch.int32).cpu().numpy()}
        return answers | {"detail": self._whole(detail)} if self.detail else answers

    def rows(self, answers: Pack) -> list[JSON]:
        """The sound as a WAV file of 16 bits, and how many seconds it lasts."""
        found: list[JSON] = []
        details = answers.get("detail", [None] * len(answers["mel"]))
        for mel, detail, length in zip(answers["mel"], details, answers[LENGTH].tolist(), strict=True):
            wave = self.wave(mel[:length], None if detail is None else detail[:length])
            seconds = len(wave) / self.rate
            speech = Attachment(self.suffix, wav(wave, self.rate), f"{seconds:.1f} s of speech")
            found.append({"speech": speech, "seconds": seconds})
        return found

    def wave(self, mel: NDArray[np.floating], detail: NDArray[np.int8] | None = None) -> NDArray[np.float32]:
        """The wave ``[n]`` in −1 … 1 of one spectrogram ``[T, M]`` (natural logarithms of magnitudes), perhaps with its
        detail ``[T, F]`` in sixteenths of a neper."""
        floored = torch.from_numpy(mel.astype(np.float32)).clamp_min(float(np.log(FLOOR)))[None]
        known = None if detail is None else torch.from_numpy(detail.astype(np.float32) * np.float32(STEP))[None]
        size = {"n_fft": WINDOW * self.hop, "hop": self.hop}
        wave = wave_of(floored, rate=self.rate, rounds=self.rounds, detail=known, **size)[0].numpy()
        peak = float(np.abs(wave).max(initial=0.0))
        return np.asarray(wave * min(1.0, PEAK / max(peak, PEAK)), dtype=np.float32)

    def tally(self, answers: Pack, y: Pack) -> Array:
        """The sum of the distances of aligned frames in dB and how many pairs there are, how many frames the answer is too
        long or too short, and how many it should have, ``[B, 4]``."""
        rows = []
        for mel, n, true, frames in zip(
            answers["mel"], answers[LENGTH].tolist(), y["mel"], y[LENGTH].tolist(), strict=True
        ):
            rows.append((*distortion(mel[: max(n, 1)], true[:frames].astype(np.float32)), abs(n - frames), frames))
        return np.array(rows, dtype=np.float64).reshape(-1, 4)

    def own(self, answers: Pack) -> Pack:
        """The spectrograms that were said, as `encode` gives them; of one frame at least."""
        length = np.maximum(answers[LENGTH], 1)
        return {"mel": answers["mel"][:, : int(length.max(initial=1))].astype(np.float16), LENGTH: length}

    def calibrated(self, answers: Iterable[tuple[Tensor, Tensors]]) -> FittedWaveform:
        """Itself."""
        return self

    def verdict(self, answers: Pack, y: Pack) -> NDArray[np.float64]:
        """Minus the mel-cepstral distortion of each answer, ``[B]``."""
        return -np.asarray(self.metrics[0].of(self.tally(answers, y)))

    def tables(self, answers: Pack, y: Pack) -> tuple[Table, ...]:
        """The distortion of the model's voice beside that of a sound which is always the mean spectrum."""
        answers, y = ({name: column[:COMPARED] for name, column in pack.items()} for pack in (answers, y))
        lengths = y[LENGTH].tolist()
        mean = sum(beside_mean(self.mean, true[:n])[0] for true, n in zip(y["mel"], lengths, strict=True)) / sum(
            lengths
        )
        return (
            Table(
                "beside the mean spectrum",
                ("answer", "mel_cepstral_distortion"),
                (
                    ("the model's", self.metrics[0].over(self.tally(answers, y))),
                    ("the mean spectrum of the training sounds, all the time", mean),
                ),
                f"In dB, lower is better, 0 is the target itself, of {count(len(lengths), 'example')}. A model that has "
                "learned nothing does about as well as the mean spectrum.",
            ),
        )

    def draw(self, shown: tuple[str, str], y: Any, row: JSON | None) -> tuple[str, str]:
        """An SVG of the text, the spectrogram of the target and below it that of the answer, as far as there are any."""
        sounds: list[tuple[str, Any]] = [("target", y)]
        if row is not None and isinstance(speech := row.get("speech"), Attachment):
            sounds.append(("answer", speech.content))
        panels = []
        for name, sound in sounds:
            try:
                wave, _ = read_sound(sound, self.rate, (self.longest - 1) * self.hop / self.rate)
            except ValueError:  # no target, or none that can be read: there is nothing to draw
                continue
            mel = mel_of(wave, self.rate, self.hop, len(self.mean))
            panels.append((f"{name}, {len(wave) / self.rate:.1f} s", mel))
        title = shown[1] if shown[0] == "text" else ""
        return ("svg", above(panels, title, self.rate, self.hop / self.rate)) if panels else shown

    def to_json(self) -> JSON:
        """Everything that `Waveform.load` needs."""
        return asdict(self)

    def _target(self, y: Tensors) -> tuple[Tensor, Tensor]:
        """The spectrogram ``[B, T, M]`` as networks see it, 0 where there is no frame, and where there is one ``[B, T]``."""
        longest = int(y[LENGTH].max())
        here = torch.arange(longest, device=y[LENGTH].device) < y[LENGTH].unsqueeze(1)
        mel = y["mel"][:, :longest].float()
        scaled = (mel - mel.new_tensor(self.mean)) / mel.new_tensor(self.spread)
        return scaled * here.unsqueeze(2), here

    def _detail(self, samples: Tensor) -> Tensor:
        """Spectrograms of excerpts ``[B, n]`` as networks see them, and their detail: ``[B, S, M + F]``."""
        n_fft = WINDOW * self.hop
        wave, hann = samples.float() / FULL, torch.hann_window(n_fft, device=samples.device)
        spectrum = (
            torch.stft(wave, n_fft, self.hop, window=hann, center=False, return_complex=True).abs().transpose(1, 2)
        )
        mel = (spectrum @ mel_filters(self.rate, n_fft, len(self.mean)).to(wave.device)).clamp_min(FLOOR)
        scaled = (mel.log() - mel.new_tensor(self.mean)) / mel.new_tensor(self.spread)
        return torch.cat([scaled, detail_of(spectrum, mel, self.rate, n_fft)], dim=2)

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The spectrogram ``[B, T, M]``, 1 where there is a frame and what it cost ``[B, T]``, and detail ``[B, T, F]`` or
        ``[B, T, 0]`` of a raw answer."""
        bands = len(self.mean)
        return raw[:, :, :bands], raw[:, :, bands], raw[:, :, bands + 1], raw[:, :, bands + 2 :]

    def _whole(self, frames: Tensor) -> NDArray[Any]:
        """``[B, T, …]`` as ``[B, longest, …]``, 0 after the last one."""
        found = frames.cpu().numpy()
        whole = np.zeros((len(found), self.longest, found.shape[2]), dtype=found.dtype)
        whole[:, : found.shape[1]] = found
        return whole


def excerpt(wave: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """At most ``n`` samples of a wave in a row. Where they begin is as good as drawn, but the same for the same wave."""
    room = max(0, len(wave) - n)
    begin = zlib.crc32(np.ascontiguousarray(wave).tobytes()) % (room + 1)
    return wave[begin : begin + n]


def mel_of(wave: NDArray[np.float32], rate: int, hop: int, bands: int) -> NDArray[np.float32]:
    """The natural logarithms of the magnitudes in mel bands, ``[T, M]``, of a wave ``[n]`` (Hann windows of four hops)."""
    mel = log_mel(
        torch.from_numpy(wave)[None], rate=rate, n_fft=WINDOW * hop, hop=hop, n_mels=bands, power=1.0, floor=FLOOR
    )
    return mel[0].numpy()


def wav(wave: NDArray[np.float32], rate: int) -> bytes:
    """A mono WAV file of 16 bits."""
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()
