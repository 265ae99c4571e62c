"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import assay

MODULES = [info.name for info in pkgutil.walk_packages(assay.__path__, "assay.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0
