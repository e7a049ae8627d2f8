"""One stage for all, since processes of their own can't see a test's transaction."""

from collections.abc import Iterator

import pytest

from tools.stage import Stage, new_stage


@pytest.fixture(scope="session")
def only_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with new_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="session")
def session(only_stage: Stage) -> str:
    """The cookie of a merchant at the desk."""
    assert only_stage.understudy
    return only_stage.understudy.lets_a_merchant_in()[1]


@pytest.fixture(scope="module")
def running_stage(only_stage: Stage) -> Stage:
    """No module finds what another has left."""
    only_stage.begin_anew()
    return only_stage


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    """The shop runs; Stripe begins with an empty ledger and sends it what happens."""
    if not running_stage.shop.is_ready():
        running_stage.shop.kill()
        running_stage.shop.start()
    running_stage.stripe.reset()
    running_stage.stripe.listen(running_stage.shop.webhook_url)
    return running_stage
