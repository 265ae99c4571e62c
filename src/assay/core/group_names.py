"""How a group is named: by its column and the value that its members share."""

from __future__ import annotations

import re

# A column in quotes (doubled within), and its value where one is given.
_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?:=(.*))?', re.DOTALL)


def group_of(column: str, value: str | None = None) -> str:
    """A group as people read it, ``column=value``, or all groups of a column: its name. One that holds ``=`` is quoted.

    >>> group_of("sex", "F"), group_of("a=b", "1"), group_of("a=b")
    ('sex=F', '"a=b"=1', '"a=b"')
    """
    quoted = '"' + column.replace('"', '""') + '"' if "=" in column or column.startswith('"') else column
    return quoted if value is None else f"{quoted}={value}"


def column_of(group: str) -> tuple[str, str | None]:
    """The inverse of `group_of`: the column, and its value unless all are meant.

    >>> column_of("sex=F=1"), column_of('"a=b"=1'), column_of('"a=b"'), column_of("sex")
    (('sex', 'F=1'), ('a=b', '1'), ('a=b', None), ('sex', None))
    """
    if quoted := _QUOTED.fullmatch(group):
        return quoted[1].replace('""', '"'), quoted[2]
    column, equals, value = group.partition("=")
    return column, value if equals else None
