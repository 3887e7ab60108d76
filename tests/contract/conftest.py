"""What the contract suites run over."""

from pathlib import Path

import pytest

from kb.embed import Embedder
from tests.contract.programs import Programs


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Programs:
    """Makes the programs that kits hold."""
    return Programs(tmp_path_factory, sample_home, embedder)
