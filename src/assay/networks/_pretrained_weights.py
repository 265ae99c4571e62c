"""Weights that a network has under several names are stored once."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def once(module: nn.Module) -> None:
    """Make ``module`` leave all but the first name of a shared parameter out of its state, and know them when one is loaded.

    An embedding that is the output layer too (and in a translator both sides' embedding) may be most of a network.
    """
    first: dict[int, str] = {}
    aliases: dict[str, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name:
            aliases[name] = known

    def leave_out(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
        for alias in aliases:
            state.pop(prefix + alias, None)

    def bring_back(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
        for alias, name in aliases.items():
            if prefix + name in state:
                state[prefix + alias] = state[prefix + name]

    if aliases:
        module.register_state_dict_post_hook(leave_out)  # type: ignore[no-untyped-call]
        module.register_load_state_dict_pre_hook(bring_back)  # type: ignore[no-untyped-call]
