"""What the shop sends is valid HTML: each page and each fragment, in all their states."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout.models import Order
from merchant.models import Parcel, RefundRequest
from storefront.models import Category, Product, ShippingRate
from tests.cast import Shopper, deliver, event_about, leads_to_payment, product, products
from tools.stripe_stand_in import StandIn

HERE = Path(__file__).parent
VALIDATOR = HERE.parent.parent / ".venv/node/node_modules/.bin/html-validate"

# In the frame of the admin, and not ours to mend.
FRAME_OF_DJANGO = {
    '<meta name="color-scheme" content="light dark" />': "",
    '<button class="theme-toggle">': '<button class="theme-toggle" type="button">',
}

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not VALIDATOR.exists(),
        reason="html-validate is not here: install Node 20 or newer, then run make test.",
    ),
]


def mistakes(folder: Path) -> str:
    """What html-validate finds in the HTML files of a folder; nothing if all is well."""
    options = ["--config", str(HERE / "html-validate.cjs"), "--formatter", "text"]
    result = subprocess.run(
        [VALIDATOR, *options, folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode in (0, 1), result.stderr
    return result.stdout if result.returncode else ""


def test_a_mistake_would_be_noticed(tmp_path: Path):
    (tmp_path / "page.html").write_text("<!DOCTYPE html>\n<p><button>Buy</p>")
    assert "page.html" in mistakes(tmp_path)


def test_every_page_and_fragment_is_valid(
    ada: Shopper,
    stripe: StandIn,
    mouse: Product,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    settings.SHOP_ACCENT = "#7a1f5c"
    settings.SHOP_LINKS = {"Terms & conditions": "/terms/?a=1&b=2"}
    answers = {
        **shop_front(ada, mouse),
        **paying(ada, mouse),
        **sharing(ada),
        **shipping(ada, mouse),
        **errors(monkeypatch),
        **delivering(ada, mouse),
    }
    for name, answer in answers.items():
        assert "text/html" in answer["Content-Type"], name
        assert answer.text.strip(), name
        text = answer.text
        for theirs, plain in FRAME_OF_DJANGO.items():
            text = text.replace(theirs, plain)
        (tmp_path / f"{name}.html").write_text(text)
    assert mistakes(tmp_path) == ""


def delivering(ada: Shopper, mouse: Product) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for name, countries in (("parcel", "DE AT"), ("post", "*"), ("rest", "*")):
        ShippingRate.objects.create(name=name, countries=countries, amount_cents=490, days_most=4)
        ada.puts(mouse, 2)
        for page in ("/", "/cart/", mouse.get_absolute_url()):
            place = f"{name}-{page.strip('/').replace('/', '-')}"
            answers[f"delivery-{place}"] = ada.get(page)
            for country in ("AT", "XX"):
                headers = {"HX-Request": "true"}
                form = {"country": country, "back": page}
                answer = ada.browser.post("/cart/delivery/", form, headers=headers)
                answers[f"delivery-{country}-{place}"] = answer
        answers[f"delivery-changed-{name}"] = ada.puts(mouse, 3, htmx=True)
    return answers


def shop_front(ada: Shopper, mouse: Product) -> dict[str, Any]:
    lamp = product('Lamp <b>&</b> "shade"', 4_000, stock=3, description="Light & <i>shade</i>")
    gone = product("Gone", 100, stock=0)
    page, answers = mouse.get_absolute_url(), {}
    answers["home"] = ada.get("/")
    answers["cart"] = ada.puts(mouse, 2, htmx=True)
    answers |= shelf(ada, mouse)
    answers["cart-refused"] = ada.puts(mouse, "many", htmx=True)
    answers["home-refused"] = ada.is_refused(ada.puts(mouse, "many"))
    answers["product-refused"] = ada.is_refused(ada.puts(mouse, "many", back=page))
    answers["removed"] = ada.puts(mouse, 0, htmx=True)
    ada.puts(mouse, 2)
    answers["home-removed"] = ada.get(ada.puts(mouse, 0)["Location"])
    answers["product"] = ada.get(page)
    answers["cart-page"] = ada.get("/cart/")
    ada.puts(mouse, 2)
    answers["cart-page-filled"] = ada.get("/cart/")
    answers["cart-page-refused"] = ada.puts(mouse, "many", htmx=True, back="/cart/")
    answers["cart-page-removed"] = ada.puts(mouse, 0, htmx=True, back="/cart/")
    answers["sold-out"] = ada.get(gone.get_absolute_url())
    answers |= family(ada, mouse)
    ada.puts(mouse, 2)
    ada.puts(lamp, 3)
    Product.objects.filter(pk=lamp.pk).update(price_cents=4_500, stock=1)
    answers["new-price-and-short"] = ada.get("/")
    answers["buy-refused"] = ada.is_refused(ada.buys(total_cents=1))
    Product.objects.filter(pk=lamp.pk).update(is_on_sale=False)
    answers["no-longer-sold"] = ada.is_refused(ada.buys())
    ada.puts(lamp, 0)
    return answers


def shelf(ada: Shopper, mouse: Product) -> dict[str, Any]:
    things = products(49)
    Category.objects.create(name='<b>"Light"</b>', slug="light").products.add(mouse, *things)
    paths = ["/?page=2", "/?q=%22%3Cthing%3E", "/?q=thing&page=2", "/c/light/", "/c/light/?page=3"]
    answers = {f"shelf-{number}": ada.get(path) for number, path in enumerate(paths)}
    answers["shelf-product"] = ada.get(mouse.get_absolute_url())
    for thing in things:
        thing.delete()
    return answers


def family(ada: Shopper, mouse: Product) -> dict[str, Any]:
    kinds = [
        product("Lamp", cents, variant_of=mouse, variant=f'{cents} "W" & <more>', stock=cents - 100)
        for cents in (100, 200)
    ]
    ada.puts(kinds[1], 1)
    answers = {"home-family": ada.get("/"), "family": ada.get(mouse.get_absolute_url())}
    answers["family-refused"] = ada.is_refused(ada.puts(mouse, 1, back=mouse.get_absolute_url()))
    for kind in kinds:
        answers[f"kind-{kind.price_cents}"] = ada.get(kind.get_absolute_url())
        kind.delete()
    return answers


def paying(ada: Shopper, mouse: Product) -> dict[str, Any]:
    ada.puts(mouse, 2)
    assert leads_to_payment(ada.buys())
    order, answers = ada.order, {}
    for name, path in places(order):
        answers[f"{name}-waiting"] = ada.get(path)
    answers["home-canceled"] = ada.get(f"/?canceled={order.pk}")
    deliver(event_about(order))
    mouse.after_payment = "Get it:\n\n<https://files.example/?a=1&b=2>"
    mouse.save()
    for name, path in places(order):
        answers[f"{name}-paid"] = ada.get(path)
    answers["update"] = ada.asks_by_htmx(
        f"/orders/?order={order.pk}&cart=beside&waiting={order.reference}"
    )
    answers["state"] = ada.asks_by_htmx(order.get_absolute_url())
    Order.objects.filter(pk=order.pk).update(status=Order.Status.REFUNDED, refunded_cents=5_998)
    for name, path in places(order):
        answers[f"{name}-refunded"] = ada.get(path)
    answers["no-orders"] = Client().get("/orders/")
    return answers


def places(order: Order) -> Iterator[tuple[str, str]]:
    yield "home", f"/?order={order.pk}"
    yield "orders", "/orders/"
    yield "order", order.get_absolute_url()


def sharing(ada: Shopper) -> dict[str, Any]:
    path = f"{ada.order.get_absolute_url()}link/"
    htmx, answers = {"HX-Request": "true"}, {}
    answers["link"] = ada.browser.post(path, headers=htmx)
    answers["order-with-link"] = ada.get(ada.order.get_absolute_url())
    address = answers["link"].text.partition('value="http://testserver')[2].partition('"')[0]
    answers["receipt"] = Client().get(address)
    answers["revoked"] = ada.browser.post(f"{path}revocation/", headers=htmx)
    return answers


def shipping(ada: Shopper, mouse: Product) -> dict[str, Any]:
    """The pages of the desk that are the shop's own, and what the shopper reads then."""
    desk = Client()
    desk.force_login(User.objects.create_superuser("merchant"))
    answers = {"nothing-to-ship": desk.get("/admin/to-ship/")}
    order = shipped_to_austria(ada, mouse)
    path = f"/admin/checkout/order/{order.pk}/"
    answers["to-ship"] = desk.get("/admin/to-ship/")
    answers["shipment"] = desk.get(f"{path}shipment/")
    answers["shipment-refused"] = desk.post(f"{path}shipment/", {"url": "http://<a>"})
    form = {"amount": "1", "reason": "fraudulent", "note": "<Gasse>"}
    answers["refund"] = desk.get(f"{path}refund/")
    answers["refund-refused"] = desk.post(f"{path}refund/", form | {"amount": "<1>"})
    answers["refund-to-confirm"] = desk.post(f"{path}refund/", form)
    RefundRequest.objects.create(order=order, amount_cents=1, key="1", note="<Gasse>", error="<1>")
    answers["refund-asked-for"] = desk.get(f"{path}refund/")
    said = {"carrier": "D<H>L", "number": '00"34', "url": "https://dhl.example/?a=1&b=2"}
    answers["shipped"] = desk.post(f"{path}shipment/", said, follow=True)
    answers["parcel"] = desk.get(f"{path}parcels/{Parcel.objects.get().pk}/")
    answers["money"] = desk.get(f"/admin/money/?year={timezone.localdate().year}")
    answers["money-refused"] = desk.get("/admin/export/lines.csv?from=%3Cb%3E&to=2025-01-01")
    answers |= {"slip": desk.get(f"{path}slip/"), "slip-gift": desk.get(f"{path}slip/?gift")}
    for name, place in places(order):
        answers[f"{name}-shipped"] = ada.get(place)
    return answers


def shipped_to_austria(ada: Shopper, mouse: Product) -> Order:
    ada.puts(mouse, 2)
    ada.buys()
    deliver(event_about(ada.order))
    Order.objects.filter(pk=ada.order.pk).update(
        ship_to={"line1": "<Gasse> 1", "city": "Graz", "country": "AT"},
        review_reason="A <reason>.\nAnother.",
    )
    return ada.order


def errors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    strict, broken = Client(enforce_csrf_checks=True), Client(raise_request_exception=False)
    answers = {}
    for error in (PermissionDenied(), RuntimeError(), OperationalError()):
        monkeypatch.setattr("storefront.views.whole_shelf", Mock(side_effect=error))
        answer = broken.get("/")
        answers[str(answer.status_code)] = answer
    return answers | {
        "400": Client().get("/", headers={"Host": "evil.example"}),
        "403-form": strict.post("/create-checkout-session/"),
        "404": Client().get("/nothing/"),
        "405": Client().get("/create-checkout-session/"),
    }
