"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # two processes that each want all cores wait for one another


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets (see ``sign_data/README.md``)."""
    folder = os.environ.get("PHYSADV_DATA")
    if not folder:
        pytest.skip("needs real data sets: set PHYSADV_DATA")
    return Path(folder)
