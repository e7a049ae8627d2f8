"""A stage for each module, since processes of their own can't see a test's transaction."""

from collections.abc import Iterator

import pytest

from tests.races.stage import Stage, new_stage


@pytest.fixture(scope="module")
def running_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with new_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    """Stripe begins with empty books and tells the shop what happens."""
    running_stage.stripe.reset()
    running_stage.stripe.listen(running_stage.shop.webhook_url)
    return running_stage
