"""``--network hf:ID-or-folder`` for the tasks that look or listen: a checkpoint, shown what it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from assay.codecs.alphabet import alphabet
from assay.codecs.tokenizer import Tokenizer
from assay.core.errors import DataError
from assay.core.protocols import FittedInput, FittedOutput
from assay.core.recipe import Recipe
from assay.core.task import Network, Pair, Task
from assay.networks._pretrained_checkpoint import Checkpoint, checkpoint
from assay.networks._pretrained_preprocessing import MANY, SOUND, Pictures, pictures, stated
from assay.networks.detection import RECIPE as FINDING
from assay.networks.heads import pooled
from assay.networks.pretrained import recipe
from assay.networks.pretrained_maps import grain, refuse_detectors
from assay.networks.pretrained_queries import detector, detector_head, queried, refuse_timm
from assay.networks.pretrained_signals import ClipEncoder, ImageEncoder, unlabelled
from assay.networks.pretrained_speech import spells, unmasked
from assay.tasks import _pretrained_transcripts as transcripts

HF = "hf:"
Fitted = tuple[FittedInput, FittedOutput]
Opened = tuple[Checkpoint, dict[str, Any], Callable[[Any, Any, Sequence[Any], Sequence[Any]], Fitted]]

LARGE = 8  # clips and sounds an update: each is many times an image
NECKS = {"all": 2e-4, "lora": 1e-3, "frozen": 2e-3}  # learning rates of detectors, whose necks are fresh
FINDERS = {"all": 5e-5, "lora": 5e-4, "frozen": 1e-3}  # of those that are taken whole
SPELLERS = {"all": 1e-4, "lora": 1e-3, "frozen": 1e-3}  # and of recognisers, whose heads may know something already


def _looked(tuning: str) -> Recipe:
    return replace(recipe(tuning), augment=True)


def _watched(tuning: str) -> Recipe:
    return replace(recipe(tuning), augment=True, batch_size=LARGE)


def _heard(tuning: str) -> Recipe:
    return replace(_watched(tuning), lr=SPELLERS[tuning.rstrip("0123456789")])


def _found(tuning: str) -> Recipe:
    return replace(FINDING, optimizer="adamw", lr=NECKS[tuning.rstrip("0123456789")], weight_decay=0.01)


def _told(tuning: str) -> Recipe:
    return replace(_found(tuning), lr=FINDERS[tuning.rstrip("0123456789")], weight_decay=1e-4, clip=0.1)


def _network(
    body: Callable[..., Any],
    head: Callable[..., Any],
    look: Callable[[Task, Checkpoint], Opened],
    trained: Callable[[str], Recipe],
) -> Network:
    """The network ``hf:``, which opens to one whose body begins with a checkpoint's weights.

    Args:
        body, head: as a `Network` has them.
        look: gives the checkpoint (its configuration as the body takes it), further options of the body, and how input and
            output are fitted.
        trained: the recipe for what is to be tuned.
    """
    plain = Network(name=HF, body=body, head=head, recipe=trained("all"), sizes=())

    def opened(task: Task, reference: str) -> tuple[Task, Network]:
        """The task whose input brings what the checkpoint knows, and its network.

        Raises:
            AssayError: as `checkpoint` and `assay.networks._pretrained_preprocessing.stated` do.
        """
        source, options, fit = look(task, checkpoint(reference))
        network = replace(
            plain,
            name=f"{HF}{reference}",
            body=partial(body, source=source),
            recipe=trained(source.tuning),
            options={"config": dict(source.config), "tuning": source.tuning, "began": source.fingerprint, **options},
        )
        return replace(task, pair=replace(task.pair or Pair(), fit=fit)), network

    return replace(plain, open=opened)


def _image(_task: Task, source: Checkpoint) -> Opened:
    seen = pictures(source)
    return replace(source, config=unlabelled(source.config)), _pixels(seen), partial(_looking, seen)


def _map(_task: Task, source: Checkpoint) -> Opened:
    refuse_detectors(source.config)
    seen = pictures(source)
    return source, _pixels(seen), partial(_finely, seen.channels, grain(source.config))


def _list(_task: Task, source: Checkpoint) -> Opened:
    refuse_timm(source)
    seen = pictures(source)
    return source, {"queries": True, **_pixels(seen)}, partial(_finely, seen.channels, grain(source.config))


def _clip(_task: Task, source: Checkpoint) -> Opened:
    seen = pictures(source, MANY)
    frames = source.config.get("num_frames", source.config.get("frames_per_clip"))
    if not isinstance(frames, int) or frames < 1:
        raise DataError(f"{source.name} is no network for videos: its configuration states no num_frames.")
    return source, _pixels(seen), partial(_watching, seen, frames)


def _sound(task: Task, source: Checkpoint) -> Opened:
    if transcripts.writes(source):
        return transcripts.written(task, source)
    said = stated(source, SOUND)
    rate = said.get("sampling_rate")
    if not isinstance(rate, int) or not 1_000 <= rate <= 192_000:
        raise DataError(f"The processor of {source.name} states sampling_rate = {rate!r}: it must be samples a second.")
    own: tuple[Tokenizer, bool] | None = None
    alike = getattr(task.output, "tokenizer", "") == "characters"  # other symbols need another last layer
    if alike and spells(source):
        config = source.config
        own = alphabet(source.folder, config.get("pad_token_id") or 0, config.get("vocab_size") or 0)
    options = {"normalised": bool(said.get("do_normalize", True)), "spelt": own is not None}
    return replace(source, config=unmasked(source.config)), options, partial(_listening, rate, own)


def _pixels(seen: Pictures) -> dict[str, Any]:
    return {"pixels": {"scale": list(seen.scale), "shift": list(seen.shift)}}


def _looking(seen: Pictures, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    sides = {"height": seen.height, "width": seen.width, "channels": seen.channels}
    return replace(input.fit(xs), **sides), output.fit(ys)


def _finely(channels: int, whole: int, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    """Objects may be small, so images are as large as the data has them, and not as the checkpoint had them."""
    found = input.fit(xs)
    height, width = (max(whole, round(side / whole) * whole) for side in (found.height, found.width))
    return replace(found, height=height, width=width, channels=channels), output.fit(ys)


def _watching(seen: Pictures, frames: int, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    found = replace(input, frames=frames).fit(xs)
    kept = found.kept if found.frames == frames else frames  # a shorter clip shows some of its frames twice
    sides = {"height": seen.height, "width": seen.width, "channels": seen.channels}
    return replace(found, frames=frames, kept=kept, **sides), output.fit(ys)


def _listening(
    rate: int, own: tuple[Tokenizer, bool] | None, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]
) -> Fitted:
    heard = replace(replace(input, rate=rate).fit(xs), samples=True)
    if own is None:
        return heard, output.fit(ys)
    tokenizer, single = own
    return heard, replace(replace(output, lower=single).fit(ys), tokenizer=tokenizer)


def _whole_or_map(task: Task, reference: str) -> tuple[Task, Network]:
    chosen = LISTS if queried(checkpoint(reference).config) else MAPS
    assert chosen.open is not None
    return chosen.open(task, reference)


IMAGES = _network(ImageEncoder, pooled, _image, _looked)
MAPS = _network(detector, detector_head, _map, _found)
LISTS = _network(detector, detector_head, _list, _told)
DETECTORS = replace(MAPS, open=_whole_or_map)
CLIPS = _network(ClipEncoder, pooled, _clip, _watched)
RECORDINGS = _network(transcripts.body, transcripts.head, _sound, _heard)
