"""One thread a process, a cache of its own, and made data for every task."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "100"

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["ASSAY_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    import torch

    torch.set_num_threads(1)
