"""The merchant's desk, and an order that waits to be shipped."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about
from tools.stripe_stand_in import StandIn

HOME = {
    "line1": "Herrengasse 1",
    "line2": None,
    "postal_code": "8010",
    "city": "Graz",
    "state": None,
    "country": "AT",
}


def desk_of(*permissions: str, name: str = "clerk") -> Client:
    """A browser of somebody at the desk who may do so much."""
    who = User.objects.create_user(name, is_staff=True)
    who.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(who)
    return client


@pytest.fixture
def desk(db: None) -> Client:
    return desk_of("view_order", "change_order")


def buy(shopper: Shopper, product: Product, **known: Any) -> Order:
    """Buy two of the product, and pay; return the order, sent to Graz."""
    shopper.puts(product, 2)
    shopper.buys()
    deliver(event_about(shopper.order))
    Order.objects.filter(pk=shopper.order.pk).update(
        **{"ship_to": HOME, "shipping_name": "Ada Lovelace"} | known
    )
    return shopper.order


@pytest.fixture
def order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    return buy(ada, mouse)
