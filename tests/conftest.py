"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real FCS, FlowJo and Gating-ML files with known counts."""
    folder = Path(
        os.environ.get(
            "IMMUNERECON_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"
        )
    )
    if not (folder / "SOURCES.csv").is_file():
        pytest.skip(f"no real data in {folder} (set IMMUNERECON_REAL_DATA to their folder)")
    return folder
