"""Recurrent networks: LSTM, and the GRU in both its forms, exact for padded batches in both directions.

Legend: B batch, L length, D inputs, H hidden, N layers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from assay.core.errors import choose
from assay.networks._gru import recurrence


class ArticleGRU(nn.Module):
    """The GRU that resets before the candidate's product (equations and sources: `assay.networks._gru`).

    It is called as `torch.nn.GRU` is. Its bias is one vector a layer, not two, and z weighs the *new* state. It has no
    second derivatives.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_l0: of layer 0, for z, r and h̃ in this order: ``[3H, D]``, ``[3H, H]``,
            ``[3H]``; ``_reverse`` is put to the names of the other direction.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        self.dropout = nn.Dropout(dropout)
        directions = ("", "_reverse") if bidirectional else ("",)
        self._names = [[f"_l{layer}{way}" for way in directions] for layer in range(num_layers)]
        for layer, names in enumerate(self._names):
            below = input_size if layer == 0 else hidden_size * len(directions)
            for name in names:
                self.register_parameter(f"weight_ih{name}", nn.Parameter(torch.empty(3 * hidden_size, below)))
                self.register_parameter(f"weight_hh{name}", nn.Parameter(torch.empty(3 * hidden_size, hidden_size)))
                self.register_parameter(f"bias{name}", nn.Parameter(torch.empty(3 * hidden_size)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights evenly from ±1/√H, as `torch.nn.GRU` does."""
        bound = self.hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The last layer's states ``[L, B, H]`` (``[B, L, H]`` where batch_first) and the states after the last step.

        Args:
            x: ``[L, B, D]``, or ``[B, L, D]`` where batch_first.
            start: the states before the first step, ``[N, B, H]``; zeros where none are given. With both directions
                there are 2N of them and the outputs are 2H wide, the forward one first.
        """
        if self.batch_first:
            x = x.transpose(0, 1)
        ends: list[Tensor] = []
        with torch.autocast(x.device.type, enabled=False):  # sums over many steps: in the precision of the weights
            x = x.to(self.bias_l0.dtype)  # type: ignore[arg-type]
            for layer, names in enumerate(self._names):
                if layer:
                    x = self.dropout(x)
                ways = []
                for name in names:
                    weights = [getattr(self, f"{kind}{name}") for kind in ("weight_ih", "weight_hh", "bias")]
                    h = x.new_zeros(x.shape[1], self.hidden_size) if start is None else start[len(ends)].to(x.dtype)
                    backwards = name.endswith("_reverse")
                    states = recurrence(x.flip(0) if backwards else x, h, *weights)
                    ends.append(states[-1])
                    ways.append(states.flip(0) if backwards else states)
                x = torch.cat(ways, dim=2) if len(ways) > 1 else ways[0]
        return x.transpose(0, 1) if self.batch_first else x, torch.stack(ends)


KINDS: dict[str, Callable[..., nn.Module]] = {"gru": nn.GRU, "lstm": nn.LSTM, "article-gru": ArticleGRU}


def recurrent(
    kind: str, inputs: int, width: int, *, layers: int = 1, both: bool = False, dropout: float = 0.0
) -> Recurrent:
    """Layers of one recurrent cell.

    Args:
        kind: ``gru`` (`torch.nn.GRU`: resets after the product), ``lstm`` (`torch.nn.LSTM`) or ``article-gru``
            (`ArticleGRU`: resets before it).
        inputs: D of what comes in.
        width: of what comes out; with both directions each has half of it.
        layers: N.
        both: whether every layer reads in both directions.
        dropout: of what goes from layer to layer, while training.

    Raises:
        ConfigError: there is no such kind.
        ValueError: an odd width for two directions.
    """
    choose("recurrent network", kind, KINDS)
    if both and width % 2:
        raise ValueError(f"a width of {width} cannot be shared by two directions")
    return Recurrent(KINDS[kind], inputs, width, layers, both, dropout)


class Recurrent(nn.Module):
    """Layers of a recurrent cell; a padded batch gives each row what the row gives alone.

    Places outside the mask are passed over, wherever in a row they are: the state goes from one place of the mask to the
    next. This is done by moving what is there to the front (or, for the other direction, to the front in reverse order),
    which is as exact as packed sequences and, at rows of like length, a good deal faster (``benchmarks/gru_speed.py``).
    """

    def __init__(
        self, cell: Callable[..., nn.Module], inputs: int, width: int, layers: int, both: bool, dropout: float
    ) -> None:
        super().__init__()
        self.features = width
        self.both = both
        self.dropout = nn.Dropout(dropout)
        ways = 2 if both else 1
        widths = [inputs, *[width] * (layers - 1)]
        self.layers = nn.ModuleList(
            nn.ModuleList(cell(below, width // ways, batch_first=True) for _ in range(ways)) for below in widths
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The last layer's states ``[B, L, width]``, zero outside the mask, and the mask ``[B, L]``.

        Args:
            x: ``[B, L, D]``, L ≥ 1.
            mask: true where there is something, ``[B, L]``; everywhere where none is given.
        """
        if mask is None:
            mask = x.new_ones(x.shape[:2], dtype=torch.bool)
        orders = _orders(mask)[: 2 if self.both else 1]
        for number, ways in enumerate(self.layers):
            if number:
                x = self.dropout(x)
            cells: list[nn.Module] = list(ways)  # type: ignore[call-overload]
            read = [_take(cell(_take(x, order))[0], back) for cell, (order, back) in zip(cells, orders, strict=True)]
            x = torch.cat(read, dim=2) if self.both else read[0]
        return x * mask.unsqueeze(2), mask

    def initial(self, batch: int) -> Tensor:
        """The state before the first step, zeros ``[B, S]``; S is N·H, for an LSTM 2·N·H."""
        weight = next(self.parameters())
        return weight.new_zeros(batch, len(self.layers) * self.features * (2 if self._is_lstm else 1))

    def run(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read on from a state, forwards: the last layer's states ``[B, L, width]`` and the state after the last step.

        ``run`` over a sequence equals ``run`` over its pieces, each from the state that the piece before left.

        Args:
            x: ``[B, L, D]``, all of it there.
            state: ``[B, S]``, from `initial` or an earlier `run`.

        Raises:
            ValueError: this network reads in both directions, so that no step can be taken before the end is known.
        """
        if self.both:
            raise ValueError("a network that reads in both directions cannot go on from a state")
        ends = []
        for number, part in enumerate(state.chunk(len(self.layers), dim=1)):
            if number:
                x = self.dropout(x)
            cell = self.layers[number][0]  # type: ignore[index]
            begin = [piece.unsqueeze(0).contiguous() for piece in part.chunk(2 if self._is_lstm else 1, dim=1)]
            x, end = cell(x, tuple(begin) if self._is_lstm else begin[0])
            ends += list(end) if self._is_lstm else [end]
        return x, torch.cat([end[0] for end in ends], dim=1)

    @property
    def _is_lstm(self) -> bool:
        return isinstance(self.layers[0][0], nn.LSTM)  # type: ignore[index]


def _orders(mask: Tensor) -> list[tuple[Tensor, Tensor]]:
    """For each direction, in which order the places are read, ``[B, L]``, and the way back.

    What is not in the mask comes last, where no state depends on it.
    """
    absent = (~mask).to(torch.uint8)
    first = absent.argsort(dim=1, stable=True)
    last = absent.flip(1).argsort(dim=1, stable=True).neg().add(mask.shape[1] - 1)
    return [(order, order.argsort(dim=1)) for order in (first, last)]


def _take(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order.unsqueeze(2).expand(-1, -1, x.shape[2]))
