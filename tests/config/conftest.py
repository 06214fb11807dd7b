import pytest
from config_texts import BURGERS


@pytest.fixture
def burgers() -> str:
    return BURGERS
