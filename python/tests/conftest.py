"""What tests share: one pipeline, loaded once, in float32 so that numbers compare."""
import os

import pytest

import corepulse


@pytest.fixture(scope="session")
def pipe():
    return corepulse.Pipeline.from_pretrained("builtin", dtype="f32")


@pytest.fixture(scope="session")
def program():
    """The program of the same build."""
    return os.environ["COREPULSE"]


@pytest.fixture
def nothing_stays(pipe):
    """What injectors gave the pipeline they have taken back when a test ends."""
    yield
    assert pipe.controls == []
