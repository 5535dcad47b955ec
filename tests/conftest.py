"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of the real ml-latest-small; tests that need it are skipped without MOVIELENS_DIR."""
    folder = Path(os.environ.get("MOVIELENS_DIR", "")) / "ml-latest-small"
    if not os.environ.get("MOVIELENS_DIR") or not folder.is_dir():
        pytest.skip("MOVIELENS_DIR names no folder that holds ml-latest-small")
    return folder.resolve()
