"""One thread a process, a cache of its own, and chance that is the same every time."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "100"
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)  # the same examples on every machine
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["ASSAY_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    import torch

    torch.set_num_threads(1)
