"""Where most of these tests begin."""

import pytest

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper
from tools.stripe_stand_in import StandIn


@pytest.fixture
def pending_order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    """Ada has pressed Buy for a mouse and is at Stripe's page."""
    ada.puts(mouse, 1)
    ada.buys()
    return ada.order
