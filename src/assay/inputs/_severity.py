"""Severities of corruptions, the same for every input: 1 is hardly seen, 5 is severe but the input is still an input.

Every corruption draws all its random numbers before it looks at the severity. So with the same generator a higher severity
changes the same things, only more of them or further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.core.errors import ConfigError, choose

SEVERITIES = (1, 2, 3, 4, 5)
BLOCK = 1 << 22  # numbers that are worked on at once


def check_corruption(kind: str, severity: int, kinds: Sequence[str]) -> None:
    """Nothing, where an input can be corrupted like this.

    Raises:
        ConfigError: there is no such corruption or severity; says what there is.

    >>> check_corruption("blur", 3, ("noise", "blur"))
    """
    choose("corruption", kind, kinds)
    if severity not in SEVERITIES:
        raise ConfigError(f"There is no severity {severity!r}. Accepted: 1 (hardly seen), 2, 3, 4 and 5.")


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of ``rows`` rows, as many in each as make up about `BLOCK` numbers.

    >>> list(blocks(5, 1 << 21))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, BLOCK // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
