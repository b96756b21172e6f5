"""Fixtures for pytest, which finds them where the package is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Mock, Workspace


@pytest.fixture(scope="session")
def trenchcheck_mock() -> Iterator[Mock]:
    """A mock, shared by all tests."""
    with Mock() as mock:
        yield mock


@pytest.fixture(params=[[], ["as-deployed"]], ids=["reference", "as-deployed"])
def trenchcheck_workspace(trenchcheck_mock: Mock, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A workspace of its own for each test, of both kinds that deployments are of."""
    with trenchcheck_mock.workspace(deviations=request.param) as workspace:
        yield workspace
