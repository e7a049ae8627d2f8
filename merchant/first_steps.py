"""What a shop still needs before it sells, each with the way there."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from checkout.models import Order, StripeEvent
from merchant.templatetags.desk import address_of
from storefront.models import Product, ShippingRate
from storefront.models.shop import NAME
from storefront.ops.pages import base_url, shop_context

KEYS = "https://dashboard.stripe.com/apikeys"
PAID = (Order.Status.PAID, Order.Status.REFUNDED)


@dataclass(frozen=True)
class Step:
    words: str
    is_done: bool
    address: str
    to_copy: str = ""


def has_sold() -> bool:
    return Order.objects.filter(status__in=PAID).exists()


def is_open() -> bool:
    """Whether somebody has paid with real money."""
    paid = Order.objects.filter(status__in=PAID, session_id__startswith="cs_live_")
    return settings.STRIPE_LIVE_MODE and paid.exists()


def first_steps(request: HttpRequest) -> list[Step]:
    shop = address_of("shop") or address_of("under-the-hood")
    health = address_of("health")
    webhook = base_url(request) + reverse("checkout:stripe-webhook")
    about = shop_context()
    is_named = about["shop_name"] != NAME and bool(about["shop_accent"])
    return [
        Step("The shop’s name and colour", is_named, shop),
        Step("A first product with a picture", _has_a_picture(), _products()),
        Step("Delivery, and the countries you send to", _delivers(), _rates()),
        Step("Legal pages and contact", bool(about["shop_links"] or about["shop_contact"]), shop),
        Step("Stripe’s keys", settings.STRIPE_KEY_PRESENT, health or KEYS),
        Step("Stripe’s webhook was heard", _was_heard(), health, to_copy=webhook),
        Step("A test order", has_sold(), reverse("storefront:home")),
        Step("Live keys", settings.STRIPE_LIVE_MODE, health or KEYS),
    ]


def _has_a_picture() -> bool:
    shown = Q(uploaded_pictures__isnull=False) | ~Q(picture="")
    return Product.objects.on_sale().filter(shown).exists()


def _delivers() -> bool:
    """Whether it is said what delivery costs, or nothing is sent."""
    sent = Product.objects.on_sale().filter(needs_shipping=True)
    return ShippingRate.objects.on().exists() or not sent.exists()


def _was_heard() -> bool:
    return StripeEvent.objects.newest_heard() is not None


def _products() -> str:
    return reverse("admin:storefront_product_changelist")


def _rates() -> str:
    return reverse("admin:storefront_shippingrate_changelist")
