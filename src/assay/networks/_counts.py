"""What training text says of the next token, counted: interpolated modified Kneser–Ney smoothing.

Kneser & Ney (1995), as Chen & Goodman (1999, https://doi.org/10.1006/csla.1999.0128) modified it. Counting takes a second
where gradients take hours to find the same, so a network that is given these probabilities has only to learn what counts
cannot know. While it learns, each place is left out of its own count: what it is told is what an unseen text would be.

Legend: P places, V vocabulary, K longest context, N texts, T tokens of a text, C contexts, E entries (context, token).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

FACTOR = 6364136223846793005  # of a rolling hash modulo 2 ** 64 (Knuth's multiplier): two contexts rarely share one
NONE = -1  # the code of a context that a place is too early for
FIELDS = {
    "contexts": torch.int64,  # codes in their order, [C]
    "starts": torch.int32,  # the first entry of each, and the end, [C + 1]
    "tokens": torch.int16,  # of each entry, [E]
    "counts": torch.float32,
    "discounts": torch.float32,  # of counts of 0, 1, 2 and more, [4]
}


class Counts(nn.Module):
    """Counts of up to ``order`` tokens of context and the token that follows; empty until `learn`.

    Args:
        vocabulary: V.
        order: K.
    """

    def __init__(self, vocabulary: int, order: int) -> None:
        super().__init__()
        assert vocabulary <= torch.iinfo(torch.int16).max
        self.vocabulary, self.order = vocabulary, order
        for k in range(order + 1):
            for name, kind in FIELDS.items():
                self.register_buffer(f"{name}{k}", torch.zeros(0, dtype=kind))
        self.register_load_state_dict_pre_hook(_resize)  # type: ignore[no-untyped-call]

    @property
    def features(self) -> int:
        """How many numbers a place has beside its probabilities."""
        return 2 * (self.order + 1)

    @torch.no_grad()
    def learn(self, tokens: Tensor, wanted: Tensor) -> None:
        """Count texts ``tokens`` int64 ``[N, T]``, of which ``wanted`` bool ``[N, T]`` are to be foreseen.

        What is not wanted is context alone; padding may stand on the left, as `NONE`.
        """
        codes = contexts(tokens, self.order)
        codes = [code[wanted] for code in codes]
        token = tokens[wanted]
        above: Tensor | None = None  # where each n-gram of the order above was first seen
        for k in range(self.order, -1, -1):
            keep = codes[k] != NONE
            at = keep.nonzero().squeeze(1)
            entry = codes[k] * FACTOR + token
            first, times = _first(entry[at])
            seen = at[first]
            if (
                above is not None
            ):  # how many contexts one token longer are followed by it; of what begins a text, how often
                short = at[codes[k + 1][at] == NONE]
                source = torch.cat([above, short])
                _, where = torch.unique(entry[seen], return_inverse=True)
                known = torch.unique(entry[seen])
                times = torch.bincount(torch.searchsorted(known, entry[source]), minlength=len(known))[where]
            self._keep(k, codes[k][seen], token[seen], times)
            above = seen

    def _keep(self, k: int, context: Tensor, token: Tensor, times: Tensor) -> None:
        by_token = token.argsort(stable=True)
        order = by_token[context[by_token].argsort(stable=True)]
        found, sizes = torch.unique_consecutive(context[order], return_counts=True)
        starts = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        values = (found, starts, token[order], times[order], discounts(times))
        for name, value in zip(FIELDS, values, strict=True):
            setattr(self, f"{name}{k}", value.to(getattr(self, f"{name}{k}").device, FIELDS[name]))

    @torch.no_grad()
    def forward(self, tokens: Tensor, after: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``[B, T, V]`` of what follows each place, and ``[B, T, features]``: for every length of
        context how often it was seen (the logarithm) and how much is left to shorter ones.

        Args:
            tokens: ``[B, T]``, padding on the left as `NONE`.
            after: what does follow in a text that was counted, ``[B, T]``, to be left out of the count; `NONE` where it
                is not known.
        """
        shape = tokens.shape
        codes = [code.flatten() for code in _following(tokens, self.order)]
        counts = [self._counts(k, code) for k, code in enumerate(codes)]
        if after is not None:
            _leave_out(counts, codes, after.flatten())
        chance = counts[0].new_full((1, self.vocabulary), 1 / self.vocabulary)
        told = []
        for k, count in enumerate(counts):
            less = _discounted(count, getattr(self, f"discounts{k}"))
            total, left = count.sum(1, keepdim=True), less.sum(1, keepdim=True)
            share = left / total.clamp_min(1)
            chance = torch.where(total > 0, (count - less) / total.clamp_min(1) + share * chance, chance)
            told += [total.log1p(), share]
        return chance.log().view(*shape, -1), torch.cat(told, dim=1).view(*shape, -1)

    def _counts(self, k: int, code: Tensor) -> Tensor:
        """How often each token followed each context ``code`` ``[P]``: ``[P, V]``."""
        known, starts, token, times = (getattr(self, f"{name}{k}") for name in list(FIELDS)[:4])
        out = torch.zeros(len(code), self.vocabulary, device=code.device)
        if not len(known):
            return out
        at = torch.searchsorted(known, code).clamp_max(len(known) - 1)
        first = starts[at].long()
        size = torch.where(known[at] == code, starts[at + 1] - first, 0)
        row = torch.arange(len(code), device=code.device).repeat_interleave(size)
        entry = first[row] + torch.arange(len(row), device=code.device) - (size.cumsum(0) - size)[row]
        out[row, token[entry].long()] = times[entry]
        return out


def contexts(tokens: Tensor, order: int) -> list[Tensor]:
    """The code of the ``k`` tokens before each place, for ``k = 0 … order``: int64 ``[N, T]`` each; `NONE` where there are
    fewer.

    >>> zero, one, two = contexts(torch.tensor([[5, 6, 5, 6]]), 2)
    >>> bool(one[0, 1] == one[0, 3]), one[0, 0].item(), bool((two[0, :2] == NONE).all())
    (True, -1, True)
    """
    code, found = torch.zeros_like(tokens), [torch.zeros_like(tokens)]
    enough = torch.ones_like(tokens, dtype=torch.bool)
    for k in range(1, order + 1):
        before = torch.full_like(tokens, NONE)
        before[:, k:] = tokens[:, :-k]
        enough = enough & (before != NONE)
        code = code + (before + 1) * _power(k)
        found.append(code.masked_fill(~enough, NONE))
    return found


def _following(tokens: Tensor, order: int) -> list[Tensor]:
    """As `contexts`, of the place after each: its own token is the nearest of the context."""
    wide = torch.cat([tokens, tokens[:, -1:]], dim=1)
    return [code[:, 1:] for code in contexts(wide, order)]


def discounts(times: Tensor) -> Tensor:
    """What is taken from counts of 0, 1, 2 and more, float32 ``[4]`` (Chen & Goodman 1999, equation 26).

    >>> [round(float(d), 3) for d in discounts(torch.tensor([1] * 8 + [2] * 4 + [3] * 2 + [4]))]
    [0.0, 0.5, 1.25, 2.0]
    """
    n = [int((times == count).sum()) for count in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    wanted = [count - (count + 1) * y * n[count] / n[count - 1] if n[count - 1] else count / 2 for count in (1, 2, 3)]
    bounded = [min(max(d, 0.1), count - 0.1) for count, d in zip((1, 2, 3), wanted, strict=True)]
    return torch.tensor([0.0, *bounded])


def _discounted(count: Tensor, discount: Tensor) -> Tensor:
    one, two, more = discount[1], discount[2] - discount[1], discount[3] - discount[2]
    return (count > 0) * one + (count > 1) * two + (count > 2) * more


def _leave_out(counts: list[Tensor], codes: list[Tensor], after: Tensor) -> None:
    """Take each place's own occurrence out, in place: from the longest context, and from a shorter one where the longer
    one was followed by the token only here."""
    token = after.clamp_min(0).unsqueeze(1)
    here = (after != NONE).float()
    for count, code in zip(counts[::-1], codes[::-1], strict=True):
        there = (code != NONE).float()
        own = count.gather(1, token).squeeze(1)
        mine = torch.minimum(here * there, own)
        count.scatter_add_(1, token, -mine.unsqueeze(1))
        here = torch.where(there > 0, mine * (own == 1), here)


def _first(entry: Tensor) -> tuple[Tensor, Tensor]:
    """Where each distinct value first stands, and how often it does."""
    _, where, times = torch.unique(entry, return_inverse=True, return_counts=True)
    first = torch.full_like(times, len(entry)).scatter_reduce(
        0, where, torch.arange(len(entry), device=entry.device), "amin"
    )
    return first, times


def _power(k: int) -> int:
    """``FACTOR ** k`` modulo 2 ** 64, as a signed number."""
    value = pow(FACTOR, k, 1 << 64)
    return value - (1 << 64) if value >= 1 << 63 else value


def _resize(module: Counts, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Make room for what a saved state holds: how much was counted is known only then."""
    for name, buffer in list(module.named_buffers()):
        if (saved := state.get(prefix + name)) is not None and saved.shape != buffer.shape:
            setattr(module, name, buffer.new_zeros(saved.shape))
