"""Pickles read without running anything: a small stack machine for lists, dicts, text, numbers and byte arrays.

Python's own `pickle` calls whatever the file names. This machine calls nothing: the few names that a pickled NumPy
array needs are stand-ins here, and any other name is refused. All it can build is bounded by the size of the file.
The instructions are those of `pickletools`, which parses them with all lengths checked against the file.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

_ARRAY = "numpy.ndarray"
_DTYPE = "numpy.dtype"
_REBUILD = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_ENCODE = "_codecs.encode"
_MARK = object()


class Refused(ValueError):
    """The pickle asks for something that data does not need; says for what."""


class _Name(str):
    """A global that the pickle names, and that stays a name."""


class _Call:
    """An array or dtype in the making: its name, then the state that follows."""

    __slots__ = ("name", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Any = None


def loads(data: bytes) -> Any:
    """The value in a pickle of plain containers, text, bytes, numbers and NumPy arrays of unsigned bytes.

    Raises:
        Refused: it names a class or a function other than those of a NumPy array, or an instruction that plain data
            does not need.
        ValueError: it is damaged.

    >>> import pickle
    >>> loads(pickle.dumps({"labels": [1, 2], "data": b"abc"}, protocol=2))
    {'labels': [1, 2], 'data': b'abc'}
    """
    machine = _Machine(len(data))
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            machine.step(opcode.name, argument)
    except (IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise ValueError(f"damaged ({error!r})") from error
    if len(machine.stack) != 1:
        raise ValueError("damaged (it does not end with one value)")
    return _finish(machine.stack[0])


class _Machine:
    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = 4 * size + 1024  # bytes that may yet be made from text

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _ARGUMENTS:
            self.stack.append(_ARGUMENTS[name](argument))
        elif name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            self.stack.append(self.memo[argument])
        elif name in _STEPS:
            _STEPS[name](self)
        elif name not in {"PROTO", "FRAME", "STOP"}:
            raise Refused(f"the instruction {name}")

    def pop_to_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("damaged (no mark)")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def tuple(self, size: int) -> None:
        items = self.stack[len(self.stack) - size :]
        del self.stack[len(self.stack) - size :]
        self.stack.append(tuple(items))

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("damaged (items without a list)")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise ValueError("damaged (items without a dict)")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name):
            raise Refused("a call of what is no name")
        if called == _ENCODE:
            text, encoding = arguments[0], _text(arguments[1])
            self.left -= len(text)
            if encoding not in {"latin1", "latin-1"} or self.left < 0:
                raise Refused(f"text encoded as {encoding!r}, or too much of it")
            self.stack.append(text.encode("latin-1"))
        elif called in _REBUILD:
            self.stack.append(_Call(_ARRAY))
        elif called == _DTYPE:
            if _text(arguments[0]) not in {"u1", "|u1"}:
                raise Refused(f"an array of type {_text(arguments[0])!r} (unsigned bytes are accepted)")
            self.stack.append(_Call(_DTYPE))
        else:
            raise Refused(f"a call of {called}")

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Call):
            raise Refused("state for what is no array")
        self.stack[-1].state = state


def _global(argument: str) -> _Name:
    name = argument.replace(" ", ".")
    if name not in {_ARRAY, _DTYPE, _ENCODE, *_REBUILD}:
        raise Refused(name)
    return _Name(name)


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(_global(f"{module} {name}"))


def _finish(value: Any) -> Any:
    """The value with its arrays made; only in the places where the formats have them (a dict's values)."""
    if isinstance(value, dict):
        return {key: _finish(item) if isinstance(item, _Call) else item for key, item in value.items()}
    if isinstance(value, _Call) and value.name == _ARRAY and isinstance(value.state, tuple) and len(value.state) == 5:
        _, shape, kind, fortran, content = value.state
        if not isinstance(kind, _Call) or kind.name != _DTYPE or not isinstance(content, bytes):
            raise ValueError("damaged (an array without its type or its bytes)")
        if not isinstance(shape, tuple) or min(shape, default=0) < 0 or math.prod(shape) != len(content):
            raise ValueError("damaged (an array that is not as large as its shape)")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")
    return value


def _bytes(text: str) -> bytes:
    """Python 2's strings, which pickletools decodes."""
    return text.encode("latin-1")


def _text(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "BINFLOAT", "FLOAT"), lambda value: value),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), lambda value: value),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), lambda value: value),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _bytes),
    "GLOBAL": _global,
}
_STEPS: dict[str, Callable[[_Machine], None]] = {
    "TUPLE": lambda m: m.stack.append(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m: m.tuple(1),
    "TUPLE2": lambda m: m.tuple(2),
    "TUPLE3": lambda m: m.tuple(3),
    "LIST": lambda m: m.stack.append(m.pop_to_mark()),
    "DICT": lambda m: m.stack.append(_pairs(m.pop_to_mark())),
    "APPEND": lambda m: m.append([m.stack.pop()]),
    "APPENDS": lambda m: m.append(m.pop_to_mark()),
    "SETITEM": lambda m: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    "SETITEMS": lambda m: m.set_items(m.pop_to_mark()),
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "STACK_GLOBAL": _stack_global,
}


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))
