"""The web application on fakes that behave."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from reconciler.model.requests import Receiver
from tests.payloads import github
from webhooks.app import WebOptions, create_app
from webhooks.testing import FakeFabric, FakeIntake, FakePlans, FakeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

TOKEN = b"canary-api-token"


@pytest.fixture
def intake() -> FakeIntake:
    """Two repositories with secrets of their own; three fabrics, of which one is disabled."""
    return FakeIntake(
        webhooks=[
            Receiver("github", "gitops", "https://github.example.com/net/gitops.git", github.SECRET),
            Receiver("github", "other", "git@github.example.com:net/other.git", b"canary-other-secret"),
        ],
        fabrics=[FakeFabric("dc1"), FakeFabric("dc2", is_enabled=False), FakeFabric("dc3", repository="other")],
    )


@pytest.fixture
def status(intake: FakeIntake) -> FakeStatus:
    return FakeStatus(
        intake,
        histories={"dc1": [{"id": "p1", "outcome": "succeeded"}]},
        objects={"dc1": [{"kind": "VPC", "name": "vpc-1", "state": "in_sync"}]},
    )


@pytest.fixture
def counted() -> Counter[tuple[str, str]]:
    """Deliveries by provider and result."""
    return Counter()


@pytest.fixture
def options(counted: Counter[tuple[str, str]]) -> WebOptions:
    return WebOptions(
        api_token=lambda: TOKEN, on_delivery=lambda provider, result: counted.update([(provider, result)])
    )


@pytest.fixture
def plans(intake: FakeIntake) -> FakePlans:
    return FakePlans(intake, {"dc1": "abcdef012345" + "6" * 52})


@pytest.fixture
def app(intake: FakeIntake, status: FakeStatus, plans: FakePlans, options: WebOptions) -> Starlette:
    return create_app(intake, status, plans, options)


@pytest.fixture
def client(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client
