"""My Orders: it turns PAID by itself, asks seldom, and shows nobody else's orders."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from checkout.models import Order
from checkout.my_orders import LONGEST_POLL_INTERVAL, POLL_INTERVALS
from checkout.receipts import address_of
from storefront.models import Product
from storefront.ops.templatetags.words import linked
from tests.cast import Shopper, deliver, event_about, poll_url
from tools.stripe_stand_in import StandIn

(BRISK_FOR, QUICKEST), (PATIENT_FOR, SLOWER) = POLL_INTERVALS


def poll_interval(response: Any) -> int:
    (seconds,) = re.findall(r'hx-trigger="every (\d+)s"', response.text)
    return int(seconds)


def placed(order: Order, seconds_ago: int) -> None:
    """Let the order be so old."""
    then = timezone.now() - timedelta(seconds=seconds_ago)
    Order.objects.filter(pk=order.pk).update(created_at=then)


PAGES = ("/", "/orders/", "/orders/{order}/", "/products/{product}/", "/?order={order}")


def says(response: Any) -> str:
    """What a page says, without what is the shopper's own."""
    return re.sub(
        r'name="csrfmiddlewaretoken" value="[^"]*"|order=[\w-]+|canceled=[\w-]+', "", response.text
    )


def titles(response: Any) -> list[str]:
    """The page's title, without the shop's name, and its first heading."""
    title = re.search(r"<title>(.*?)(?: · Storefront)?</title>", response.text)
    heading = re.search(r"<h\d[^>]*>(.*?)</h\d>", response.text)
    return [found[1] for found in (title, heading) if found]


def states(response: Any) -> dict[str, str]:
    return dict(re.findall(r'data-order="([^"]+)" data-status="([A-Z]+)"', response.text))


class TestThePanel:
    def test_is_on_the_home_page(self, pending_order: Order, ada: Shopper):
        assert states(ada.get("/")) == {str(pending_order.pk): "PENDING"}

    def test_shows_an_order_as_paid_after_the_webhook(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order))
        assert states(ada.get("/")) == {str(pending_order.pk): "PAID"}

    def test_puts_what_waits_for_money_first(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        ada.puts(laptop, 1)
        ada.buys()
        deliver(event_about(ada.order))
        Order.objects.filter(pk=pending_order.pk).update(superseded_at=None)
        assert list(states(ada.get("/")).values()) == ["PENDING", "PAID"]

    def test_hides_an_expired_order_except_on_the_return_to_it(
        self, pending_order: Order, ada: Shopper
    ):
        deliver(event_about(pending_order, "checkout.session.expired", payment_status="unpaid"))
        assert states(ada.get("/")) == {}
        assert states(ada.get(f"/?canceled={pending_order.pk}")) == {
            str(pending_order.pk): "EXPIRED"
        }

    def test_hides_an_order_that_never_reached_stripe(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        stripe.fault("POST", "/v1/checkout/sessions", status=429, times=3)
        ada.puts(mouse, 1)
        ada.buys()
        assert states(ada.get("/")) == {}

    def test_hides_an_order_that_a_changed_cart_replaced(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 2)
        ada.buys()
        assert states(ada.get("/")) == {str(ada.order.pk): "PENDING"}

    def test_shows_a_payment_under_review(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order, amount_total=1))
        assert states(ada.get("/")) == {str(pending_order.pk): "REVIEW"}

    def test_is_empty_for_another_shopper(self, pending_order: Order, bo: Shopper, mouse: Product):
        bo.puts(mouse, 1)
        for page in ("/", "/orders/"):
            assert states(bo.get(page)) == {}

    def test_is_empty_for_a_stranger(self, pending_order: Order, bo: Shopper):
        for page in (
            "/",
            "/orders/",
            f"/?order={pending_order.pk}",
            f"/orders/?order={pending_order.pk}",
        ):
            assert states(bo.get(page)) == {}


class TestComingBack:
    @pytest.mark.once
    def test_from_paying_says_that_we_wait(self, pending_order: Order, ada: Shopper):
        text = ada.get(f"/?order={pending_order.pk}").text
        assert "Waiting for Stripe’s confirmation. You don’t need to pay again." in text

    @pytest.mark.once
    def test_from_cancelling_says_that_nothing_was_charged(
        self, pending_order: Order, ada: Shopper
    ):
        text = ada.get(f"/?canceled={pending_order.pk}").text
        assert "Nothing was charged. Your cart is as you left it." in text
        assert ada.cart == {"Mouse": 1}

    @pytest.mark.once
    def test_is_remembered_wherever_the_order_is_shown(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        assert "Review and pay" in ada.get("/").text
        ada.get(f"/?order={pending_order.pk}")
        for page in PAGES:
            text = ada.get(page.format(order=pending_order.pk, product=mouse.slug)).text
            assert "I have not paid yet" in text
            assert "You don’t need to pay again." in text
            assert not re.search("Continue to payment|Review and pay|Pay .*with Stripe", text)
        assert "You don’t need to pay again." in ada.puts(mouse, 2, htmx=True).text

    def test_moves_no_payment_and_is_remembered_once(self, pending_order: Order, ada: Shopper):
        ada.get(f"/?order={pending_order.pk}")
        first = ada.order.returned_at
        ada.get(f"/?order={pending_order.pk}")
        assert (ada.order.status, ada.order.returned_at) == ("PENDING", first)

    @pytest.mark.parametrize("address", ["/?canceled={}", "/orders/{}/?order={}", "/", "/?order=x"])
    def test_is_not_assumed(self, pending_order: Order, ada: Shopper, address: str):
        ada.get(address.format(pending_order.pk, pending_order.pk))
        assert ada.order.returned_at is None
        assert "Continue to payment" in ada.get(f"/orders/{pending_order.pk}/").text

    def test_of_a_stranger_does_not_count(self, pending_order: Order, bo: Shopper, mouse: Product):
        bo.puts(mouse, 1)
        bo.get(f"/?order={pending_order.pk}")
        pending_order.refresh_from_db()
        assert pending_order.returned_at is None

    def test_of_a_paid_order_is_no_return(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order))
        ada.get(f"/?order={pending_order.pk}")
        assert ada.order.returned_at is None

    @pytest.mark.once
    def test_and_back_once_more_promises_no_more_than_we_know(
        self, pending_order: Order, ada: Shopper
    ):
        ada.get(f"/?order={pending_order.pk}")
        text = ada.get(f"/?canceled={pending_order.pk}").text
        assert "Nothing was charged by going back. Waiting for Stripe’s confirmation." in text

    def test_is_learned_by_another_tab(self, pending_order: Order, ada: Shopper):
        other_tab = poll_url(ada.get("/"))
        ada.get(f"/?order={pending_order.pk}")
        update = ada.asks_by_htmx(other_tab)
        assert update.text.count("I have not paid yet") == 2  # in My orders, and in the cart
        assert ada.asks_by_htmx(poll_url(update)).status_code == 204

    @pytest.mark.once
    @pytest.mark.parametrize("page", ["/?order={order}", "/", "/orders/", "/orders/{order}/"])
    def test_says_after_a_minute_that_it_takes_longer(
        self, pending_order: Order, ada: Shopper, page: str, settings
    ):
        settings.SHOP_LINKS = {"Contact": "https://shop.example/contact"}
        ada.get(f"/?order={pending_order.pk}")
        address = page.format(order=pending_order.pk)
        before = ada.get(address)
        assert "longer than usual" not in before.text
        Order.objects.update(returned_at=timezone.now() - timedelta(seconds=61))
        for answer in (ada.get(address), ada.asks_by_htmx(poll_url(before))):
            assert "It takes longer than usual. You can close this page" in answer.text
            assert f"name order {pending_order.reference}." in answer.text
            assert '<a href="#contact">' in answer.text
        assert ada.asks_by_htmx(poll_url(answer)).status_code == 204
        deliver(event_about(pending_order))
        assert "longer than usual" not in ada.get(address).text

    @pytest.mark.once
    @pytest.mark.parametrize("sign", ["order", "canceled"])
    def test_to_a_browser_that_does_not_know_the_order_says_where_it_is(
        self, pending_order: Order, bo: Shopper, mouse: Product, sign: str
    ):
        words = {"order": "If you have just paid: ", "canceled": "If you have just come back"}[sign]
        ids = (pending_order.pk, uuid4())
        without_cookie = [says(bo.get(f"/?{sign}={pk}")) for pk in ids]
        bo.puts(mouse, 1)
        with_cookie = [says(bo.get(f"/?{sign}={pk}")) for pk in ids]
        assert {words in text for text in without_cookie + with_cookie} == {True}
        assert len({*without_cookie}) == len({*with_cookie}) == 1

    def test_to_the_browser_that_knows_the_order_says_no_such_thing(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        deliver(event_about(pending_order))
        for _ in range(11):  # so old that it is not among the newest
            Order.objects.create(
                shopper=ada.id, status="PAID", paid_at=timezone.now(), total_cents=1, currency="usd"
            )
        assert "just paid" not in ada.get(f"/?order={pending_order.pk}").text
        assert "just paid" not in ada.get("/").text
        assert "just paid" not in ada.get("/?order=junk").text

    def test_from_paying_is_the_first_thing_that_is_said(self, pending_order: Order, ada: Shopper):
        reference = pending_order.reference
        waiting = ada.get(f"/?order={pending_order.pk}")
        assert titles(waiting) == [f"Waiting for Stripe’s word on order {reference}"] * 2
        deliver(event_about(pending_order, payment_status="unpaid"))
        bank = ada.asks_by_htmx(poll_url(waiting))
        assert titles(bank) == [f"Thank you, your bank is paying order {reference}"] * 2
        deliver(event_about(pending_order))
        for answer in (ada.asks_by_htmx(poll_url(bank)), ada.get(f"/?order={pending_order.pk}")):
            assert titles(answer) == [f"Thank you, order {reference} is paid"] * 2
        assert titles(ada.get("/")) == ["Storefront", "Products"]

    def test_from_paying_tells_what_happens_next_and_offers_the_private_link(
        self, pending_order: Order, ada: Shopper
    ):
        link = f'href="/orders/{pending_order.pk}/#order-link"'
        for _ in ("while it waits", "and when it is paid, so that nothing below moves"):
            text = ada.get(f"/?order={pending_order.pk}").text
            after = text[text.index("What happens next") :]
            assert after.index(link) < after.index("my-orders-title")
            deliver(event_about(pending_order))
        assert "What happens next" not in ada.get("/").text

    def test_to_the_orders_own_page_says_the_same(self, pending_order: Order, ada: Shopper):
        reference, page = pending_order.reference, f"/orders/{pending_order.pk}/"
        waiting = ada.get(page)
        assert titles(waiting) == [f"Order {reference}"] * 2
        deliver(event_about(pending_order))
        update = ada.asks_by_htmx(poll_url(waiting))
        assert titles(update) == [f"Thank you, order {reference} is paid"] * 2
        assert '<h1 id="order-title" hx-swap-oob="true">' in update.text
        paid = ada.get(f"{page}?waiting={reference}")
        assert titles(paid) == titles(update)
        assert '<h1 id="order-title">' in paid.text
        assert 'href="#order-link"' in paid.text
        Order.objects.update(status="REFUNDED")
        refunded = ada.get(page)
        assert titles(refunded) == [f"Order {reference}"] * 2
        assert "What happens next" not in refunded.text

    def test_puts_the_order_above_the_catalogue(self, pending_order: Order, ada: Shopper):
        text = ada.get(f"/?order={pending_order.pk}").text
        assert text.index('id="my-orders"') < text.index('id="catalogue-title"')

    @pytest.mark.parametrize(
        "junk",
        ["", "x", "1' or 1=1", "\x00", "a" * 5_000, "9" * 5_000, "\N{SUPERSCRIPT TWO}"],
    )
    def test_with_junk_shows_the_shop(self, pending_order: Order, ada: Shopper, junk: str):
        response = ada.browser.get("/", {"order": junk, "canceled": junk, "since": junk})
        assert response.status_code == 200


@pytest.mark.once
class TestWordsAfterPayment:
    """What a product says to who has paid, such as where the file is."""

    WORDS = "Your file:\n\nhttps://files.example/a?b=1&c=2."
    LINK = '<a href="https://files.example/a?b=1&amp;c=2" rel="noreferrer">'

    @pytest.fixture
    def order(self, pending_order: Order) -> Order:
        item = pending_order.items.get()
        assert item.product
        item.product.after_payment = self.WORDS
        item.product.save()
        return pending_order

    def pages(self, order: Order) -> tuple[str, str]:
        return f"/?order={order.pk}", f"/orders/{order.pk}/"

    def test_come_with_the_payment(self, order: Order, ada: Shopper):
        waiting = [ada.get(page) for page in self.pages(order)]
        assert not any("files.example" in answer.text for answer in waiting)
        deliver(event_about(order))
        for answer in waiting:
            assert self.LINK in ada.asks_by_htmx(poll_url(answer)).text
        for page in self.pages(order):
            assert self.LINK in ada.get(page).text
        for page in ("/", "/orders/", "/products/mouse/"):
            assert "files.example" not in ada.get(page).text

    @pytest.mark.parametrize("status", sorted({*Order.Status} - {Order.Status.PAID}, key=str))
    def test_are_for_paid_orders_alone(self, order: Order, ada: Shopper, status: str):
        deliver(event_about(order))
        is_paid = status in ("REFUNDED", "REVIEW")
        paid_at = timezone.now() if is_paid else None
        Order.objects.update(status=status, paid_at=paid_at)
        for page in self.pages(order):
            assert "files.example" not in ada.get(page).text

    def test_are_for_their_shopper_alone(
        self, order: Order, ada: Shopper, bo: Shopper, caplog: pytest.LogCaptureFixture
    ):
        deliver(event_about(order))
        ada.browser.post(f"/orders/{order.pk}/link/")
        order.refresh_from_db()
        assert "files.example" not in bo.get(address_of(order)).text
        assert [bo.get(page).status_code for page in self.pages(order)] == [200, 404]
        assert "files.example" not in bo.get(self.pages(order)[0]).text
        assert "files.example" not in caplog.text

    def test_are_those_of_today(self, order: Order, ada: Shopper):
        deliver(event_about(order))
        Product.objects.update(after_payment="It has moved.")
        assert "It has moved." in ada.get(self.pages(order)[1]).text
        Product.objects.all().delete()
        assert "It has moved." not in ada.get(self.pages(order)[1]).text


@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("see https://a.example/x?y=1.", 'see <a href="https://a.example/x?y=1"'),
        (
            "(HTTPS://a.example)",
            '(<a href="HTTPS://a.example" rel="noreferrer">HTTPS://a.example</a>)',
        ),
        ("http://a.example javascript:alert(1) a.example", None),
        ("https:// https://[ https://.", None),
        ("<b>https</b> & 'x'", "&lt;b&gt;https&lt;/b&gt; &amp; &#x27;x&#x27;"),
        ('https://a.example/"onclick=x', '<a href="https://a.example/" rel="noreferrer">'),
        ("https://a.example/<script>", "</a>&lt;script&gt;"),
    ],
)
def test_only_https_addresses_become_links(text: str, html: str | None):
    assert html in linked(text) if html else linked(text) == text


class TestPolling:
    def test_goes_on_while_an_order_waits(self, pending_order: Order, ada: Shopper):
        page = ada.get(f"/?order={pending_order.pk}")
        assert poll_url(page)
        assert ada.asks_by_htmx(poll_url(page)).status_code == 204

    def test_an_unchanged_look_costs_one_query(
        self, pending_order: Order, ada: Shopper, django_assert_num_queries
    ):
        address = poll_url(ada.get("/"))
        with django_assert_num_queries(1):
            assert ada.asks_by_htmx(address).status_code == 204

    def test_brings_the_paid_order_and_then_ends(self, pending_order: Order, ada: Shopper):
        address = poll_url(ada.get(f"/?order={pending_order.pk}"))
        deliver(event_about(pending_order))
        update = ada.asks_by_htmx(address)
        assert states(update) == {str(pending_order.pk): "PAID"}
        assert poll_url(update) == ""
        assert "<html" not in update.text

    @pytest.mark.once
    def test_is_announced_by_a_page_that_renews_itself_after_an_outage(
        self, pending_order: Order, ada: Shopper
    ):
        update = f'hx-swap-oob="innerHTML">Order {pending_order.reference} is paid.</p>'
        addresses = {
            f"/?order={pending_order.pk}": f"waiting={pending_order.reference}",
            "/orders/?page=1": f"waiting={pending_order.reference}",
            f"/orders/{pending_order.pk}/?": f"waiting={pending_order.reference}",
        }
        for address, shown in addresses.items():
            assert "is paid" not in ada.get(f"{address}&{shown}").text
        deliver(event_about(pending_order))
        for address, shown in addresses.items():
            assert update in ada.get(f"{address}&{shown}").text
            assert update not in ada.get(address).text

    @pytest.mark.once
    def test_empties_the_cart_beside_it(self, pending_order: Order, ada: Shopper, mouse: Product):
        address = poll_url(ada.get("/"))
        deliver(event_about(pending_order))
        update = ada.asks_by_htmx(address).text
        assert '<section id="cart" class="cart" aria-labelledby="cart-title" hx-swap-oob' in update
        assert '<output id="cart-total">$0.00</output>' in update
        assert f'id="quantity-{mouse.pk}" class="quantity" hx-swap-oob="outerHTML:' in update

    @pytest.mark.once
    def test_brings_no_cart_where_there_is_none(self, pending_order: Order, ada: Shopper):
        address = poll_url(ada.get("/orders/"))
        deliver(event_about(pending_order))
        assert 'id="cart"' not in ada.asks_by_htmx(address).text

    def test_announces_an_update_once(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        address = poll_url(ada.get("/"))
        deliver(event_about(pending_order))
        assert f"Order {pending_order.reference} is paid." in ada.asks_by_htmx(address).text
        ada.puts(laptop, 1)
        ada.buys()
        address = poll_url(ada.get("/"))
        deliver(event_about(ada.order))
        update = ada.asks_by_htmx(address).text
        assert f"Order {pending_order.reference} is paid." not in update
        assert f"Order {ada.order.reference} is paid." in update

    def test_goes_on_through_a_bank_debit(self, pending_order: Order, ada: Shopper):
        address = poll_url(ada.get("/"))
        deliver(event_about(pending_order, payment_status="unpaid"))
        update = ada.asks_by_htmx(address)
        assert states(update) == {str(pending_order.pk): "PROCESSING"}
        assert f"Order {pending_order.reference} is being paid by your bank." in update.text
        # What the bank is paying for has left the cart, once.
        assert '<output id="cart-total">$0.00</output>' in update.text
        assert ada.asks_by_htmx(poll_url(update)).status_code == 204
        deliver(event_about(pending_order, "checkout.session.async_payment_failed"))
        update = ada.asks_by_htmx(poll_url(update))
        assert '<output id="cart-total">$29.99</output>' in update.text
        assert "We put these back into your cart." in update.text

    def test_never_begins_when_nothing_waits(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order))
        assert poll_url(ada.get("/")) == ""

    @pytest.mark.once
    @pytest.mark.parametrize("path", ["/", "/orders/", "/orders/{}/"])
    @pytest.mark.parametrize(
        ("age", "seconds"),
        [
            (BRISK_FOR + 1, SLOWER),
            (PATIENT_FOR - 1, SLOWER),
            (PATIENT_FOR + 1, LONGEST_POLL_INTERVAL),
        ],
    )
    def test_slows_down_as_the_order_ages(
        self, pending_order: Order, ada: Shopper, path: str, age: int, seconds: int
    ):
        fresh = ada.get(path.format(pending_order.pk))
        assert poll_interval(fresh) == QUICKEST
        placed(pending_order, age)
        # A longer interval is a change, so that the browser learns of it.
        fragment = ada.asks_by_htmx(poll_url(fresh))
        assert poll_interval(fragment) == seconds
        assert ada.asks_by_htmx(poll_url(fragment)).status_code == 204
        assert poll_interval(ada.get(path.format(pending_order.pk))) == seconds

    @pytest.mark.once
    def test_is_quick_again_after_a_long_payment(self, pending_order: Order, ada: Shopper):
        placed(pending_order, 4 * PATIENT_FOR)
        back = ada.get(f"/?order={pending_order.pk}")
        assert poll_interval(back) == QUICKEST
        since = int(time.time()) - BRISK_FOR - 1
        later = ada.asks_by_htmx(re.sub(r"since=\d+", f"since={since}", poll_url(back)))
        assert poll_interval(later) == SLOWER

    def test_goes_by_the_newest_order_that_waits(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        placed(pending_order, 4 * PATIENT_FOR)
        ada.puts(laptop, 1)
        ada.buys()
        Order.objects.update(superseded_at=None)
        assert poll_interval(ada.get("/")) == QUICKEST
        deliver(event_about(ada.order))
        assert poll_interval(ada.get("/")) == LONGEST_POLL_INTERVAL

    def test_brings_a_refund_of_another_order(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        deliver(event_about(pending_order))
        ada.puts(laptop, 1)
        ada.buys()
        address = poll_url(ada.get("/"))
        payment = {"payment_intent": f"pi_{pending_order.pk.hex}", "amount_refunded": 1_000}
        deliver(event_about(pending_order, "charge.refunded", **payment))
        assert "$10.00 of it went back to you" in ada.asks_by_htmx(address).text

    @pytest.mark.once
    @pytest.mark.parametrize("why", ["HX-Boosted", "HX-History-Restore-Request"])
    def test_a_page_is_a_page_when_the_whole_of_it_is_swapped(
        self, pending_order: Order, ada: Shopper, why: str
    ):
        address = poll_url(ada.get("/"))
        response = ada.get(address, **{"HX-Request": "true", why: "true"})
        assert response.status_code == 200
        assert "<html" in response.text

    @pytest.mark.once
    def test_a_page_is_a_page_without_htmx(self, pending_order: Order, ada: Shopper):
        response = ada.get(poll_url(ada.get("/")))
        assert response.status_code == 200
        assert "<html" in response.text

    @pytest.mark.once
    def test_answers_are_never_stored(self, pending_order: Order, ada: Shopper):
        for page in ("/", "/orders/", f"/orders/{pending_order.pk}/"):
            response = ada.get(page)
            assert response["Cache-Control"] == "no-store"
            assert "HX-Request" in response["Vary"]


@pytest.mark.once
class TestTheOrderPage:
    def test_is_a_receipt(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order))
        text = ada.get(f"/orders/{pending_order.pk}/").text
        assert pending_order.reference in text
        assert "$29.99" in text
        assert "through Stripe." in text

    def test_of_another_shopper_is_not_found(
        self, pending_order: Order, bo: Shopper, mouse: Product
    ):
        assert bo.get(f"/orders/{pending_order.pk}/").status_code == 404
        bo.puts(mouse, 1)
        assert bo.get(f"/orders/{pending_order.pk}/").status_code == 404

    def test_of_a_forged_cookie_is_not_found(self, pending_order: Order, ada: Shopper, bo: Shopper):
        bo.browser.cookies["shopper"] = str(ada.id)
        assert bo.get(f"/orders/{pending_order.pk}/").status_code == 404

    def test_leads_on_to_paying_while_the_session_is_open(self, pending_order: Order, ada: Shopper):
        page = f"/orders/{pending_order.pk}/"
        assert "Continue to payment" in ada.get(page).text
        Order.objects.update(session_expires_at=timezone.now())
        assert "Continue to payment" not in ada.get(page).text

    def test_leads_no_more_to_paying_when_another_cart_replaced_it(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 2)
        ada.buys()
        assert "Continue to payment" not in ada.get(f"/orders/{pending_order.pk}/").text

    def test_is_a_page_without_htmx(self, pending_order: Order, ada: Shopper):
        assert "<html" in ada.get(poll_url(ada.get(f"/orders/{pending_order.pk}/"))).text

    def test_watches_too_until_the_order_is_settled(self, pending_order: Order, ada: Shopper):
        page = ada.get(f"/orders/{pending_order.pk}/")
        address = poll_url(page)
        assert ada.asks_by_htmx(address).status_code == 204
        deliver(event_about(pending_order))
        update = ada.asks_by_htmx(address)
        assert "Thank you" in update.text
        assert "hx-get" not in update.text


def test_home_costs_seven_queries_however_many_there_are(
    stripe: StandIn, ada: Shopper, django_assert_max_num_queries
):
    for number in range(12):
        product = Product.objects.create(name=f"Thing {number}", price_cents=100 + number)
        ada.puts(product, 1)
        ada.buys()
        deliver(event_about(ada.order))
        ada.puts(product, 2)
    with django_assert_max_num_queries(7):
        response = ada.get("/")
    assert len(states(response)) == 10
    assert 'href="/orders/?page=2">Older orders' in response.text
    older = ada.get("/orders/?page=2")
    assert len(states(older)) == 2
    assert not states(older).keys() & states(response).keys()
    assert "Older orders" not in older.text


def test_home_costs_no_more_when_it_announces_what_has_changed(
    pending_order: Order, ada: Shopper, django_assert_num_queries
):
    with django_assert_num_queries(7):
        ada.get(f"/?waiting={pending_order.reference}")


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 400, ""])
def test_a_page_that_is_none_is_the_first(pending_order: Order, ada: Shopper, number: str):
    assert states(ada.get(f"/orders/?page={number}")).keys() <= {str(pending_order.pk)}
    assert ada.get(f"/orders/?page={number}").status_code == 200


@pytest.mark.once
@pytest.mark.parametrize(
    ("zone", "shown", "listed"),
    [
        ("UTC", "10 July 2026, 22:30 UTC", "10 Jul, 22:30"),
        ("Europe/Berlin", "11 July 2026, 00:30 CEST", "11 Jul, 00:30"),
        ("America/Sao_Paulo", "10 July 2026, 19:30 -03", "10 Jul, 19:30"),
    ],
)
def test_times_are_the_shops_own_and_name_their_zone(
    ada: Shopper, mouse: Product, settings: Settings, zone: str, shown: str, listed: str
):
    settings.TIME_ZONE = zone
    ada.puts(mouse, 1)
    ada.buys()
    then = datetime(2026, 7, 10, 22, 30, tzinfo=UTC)
    Order.objects.update(created_at=then, paid_at=then)
    receipt = ada.get(f"/orders/{ada.order.pk}/").text
    assert receipt.count(shown) == 2
    assert shown in ada.get("/").text
    ada.browser.force_login(User.objects.create_superuser("merchant"))
    desk = "/admin/checkout/order/"
    assert listed in ada.get(desk).text
    assert shown in ada.get(f"{desk}{ada.order.pk}/change/").text
