"""A stage for each module, since processes of their own can't see a test's transaction."""

from collections.abc import Iterator

import pytest

from tools.stage import Stage, new_stage


@pytest.fixture(scope="module")
def running_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with new_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    """The shop runs; Stripe begins with an empty ledger and sends it what happens."""
    if not running_stage.shop.is_ready():
        running_stage.shop.kill()
        running_stage.shop.start()
    running_stage.stripe.reset()
    running_stage.stripe.listen(running_stage.shop.webhook_url)
    return running_stage
