"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets (see ``sign_data/README.md``)."""
    folder = os.environ.get("PHYSADV_DATA")
    if not folder:
        pytest.skip("needs real data sets: set PHYSADV_DATA")
    return Path(folder)
