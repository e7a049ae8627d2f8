"""The cast of the tests: shoppers with a browser each, and Stripe delivering events."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import unescape
from io import BytesIO
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from PIL import Image

from checkout.models import Order
from storefront.cart import cart_of
from storefront.delivery import Choice, remember_choice
from storefront.models import Product, ShippingRate, Shop
from storefront.ops.photographs import Photograph, developed
from storefront.ops.shopper import shopper_of
from storefront.pictures import Picture, add_pictures
from tools import signed_events
from tools.signed_events import WEBHOOK, paid_session, signed


def product(name: str = "Mouse", price_cents: int = 2_999, **fields: Any) -> Product:
    return Product.objects.create(name=name, price_cents=price_cents, **fields)


def products(number: int, **fields: Any) -> list[Product]:
    return Product.objects.bulk_create(
        [
            Product(name=f"Thing {n:02}", price_cents=100, position=n, **fields)
            for n in range(number)
        ]
    )


def rate(name: str, countries: str, amount_cents: int, **fields: Any) -> ShippingRate:
    return ShippingRate.objects.create(
        name=name, countries=countries, amount_cents=amount_cents, **fields
    )


def plain(
    colour: Any = (255, 0, 0), size: tuple[int, int] = (40, 30), mode: str = "RGB"
) -> Image.Image:
    return Image.new(mode, size, colour)


def file_of(image: Image.Image, kind: str = "JPEG", **options: Any) -> BytesIO:
    file = BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def shop_says(**values: Any) -> Shop:
    """Let the merchant have said so; the row as it is then."""
    Shop.this()
    Shop.objects.update(**values)
    Shop.forget()
    return Shop.this()


@cache
def photograph(colour: Any = (255, 0, 0), size: tuple[int, int] = (2_000, 1_500)) -> Photograph:
    return developed(file_of(plain(colour, size)))


def picture_of(product: Product, colour: Any = (255, 0, 0), alt: str = "") -> Picture:
    """Give the product one more picture, which is plain; return it."""
    kept = photograph(colour)
    add_pictures(product, [(kept, alt)])
    return Picture.objects.get(product=product, digest=kept.digest)


def one_by_one[T](cases: Iterable[T]) -> Iterator[T]:
    """Each with the database as it is now: what it changes is undone before the next."""
    for case in cases:
        before = transaction.savepoint_create()
        yield case
        transaction.savepoint_rollback(before)


class Shopper:
    """A shopper with a browser of their own; Ada buys, Bo is the stranger."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.browser = Client(REMOTE_ADDR=address)

    @property
    def id(self) -> UUID:
        request = HttpRequest()
        request.COOKIES = {name: morsel.value for name, morsel in self.browser.cookies.items()}
        shopper = shopper_of(request)
        assert shopper, "The shop has not given this shopper a cookie yet."
        return shopper

    def get(self, path: str, **headers: str) -> Any:
        return self.browser.get(path, headers=headers)

    def asks_by_htmx(self, path: str) -> Any:
        return self.browser.get(path, headers={"HX-Request": "true"})

    def puts(self, product: Product, quantity: object, *, htmx: bool = False, **form: str) -> Any:
        headers = {"HX-Request": "true"} if htmx else {}
        form = {"quantity": str(quantity)} | form
        return self.browser.post(f"/cart/{product.pk}/", form, headers=headers)

    def buys(self, **form: object) -> Any:
        return self.browser.post("/create-checkout-session/", form)

    def is_refused(self, response: Any) -> Any:
        """Follow the answer to a plain form back to its page, and return that page."""
        assert response.status_code == 303
        assert not leads_to_payment(response)
        return self.get(response["Location"])

    def buys_by_json(self, data: object) -> Any:
        body = data if isinstance(data, str | bytes) else json.dumps(data)
        return self.browser.post("/create-checkout-session/", body, content_type="application/json")

    @property
    def cart(self) -> dict[str, int]:
        return {line.product.name: line.quantity for line in cart_of(self.id).lines}

    @property
    def order(self) -> Order:
        return Order.objects.for_shopper(self.id).latest("created_at")

    @property
    def orders(self) -> list[Order]:
        return list(Order.objects.for_shopper(self.id))


def chooses(shopper: Shopper, country: str, rate: ShippingRate | None = None) -> None:
    """Let the shopper's browser remember where to send it, and by what."""
    answer = remember_choice(HttpResponse(), Choice(country, rate.pk if rate else 0))
    shopper.browser.cookies.update(answer.cookies)


def leads_to_payment(response: Any) -> bool:
    """Whether Buy leads on, as a whole address does; a refusal leads to a path of the shop."""
    return response.status_code == 303 and str(response["Location"]).startswith("http")


def poll_url(response: Any) -> str:
    """Return the address that the page or the panel would ask next, or nothing."""
    found = re.search(r'<\w+ id="(?:my-orders|order-state)"[^>]* hx-get="([^"]+)"', response.text)
    return unescape(found[1]) if found else ""


def deliver(event: object, *, header: str | None = None, path: str = WEBHOOK) -> Any:
    """Deliver an event as Stripe does, to the shop's own address."""
    body, headers = signed(event)
    if header is not None:
        headers["Stripe-Signature"] = header
    return Client().post(path, body, content_type="application/json", headers=headers)


def event_about(order: Order, kind: str = "checkout.session.completed", **session: Any) -> Any:
    """Make an event that fits the order, but for what `session` says otherwise."""
    known = {"currency": order.currency, "payment_intent": f"pi_{order.pk.hex}"}
    thing = paid_session(order.session_id, str(order.pk), order.total_cents, **known | session)
    return signed_events.event_about(thing, kind)
