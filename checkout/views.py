"""Buy, My Orders and the order page: load, one call, answer."""

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from checkout import limits, lost_orders, outbox
from checkout.bills import bill_of, delivery_name, ship_to, tax_to_come
from checkout.buy_forms import wanted_by_form, wanted_by_json
from checkout.gateway import failures
from checkout.models import Order, OrderItem
from checkout.my_orders import OrderPanel, after_payment, headline_of, my_orders, one_order
from checkout.ordering import buy
from checkout.receipts import address_of, make_link, order_at, revoke_link
from checkout.requested import CannotOrder, RequestedOrder
from storefront.cart import cart_of
from storefront.delivery import Choice, NotDelivered, choice_of
from storefront.models import Product
from storefront.notices import Notice, anchor_of_cart, forget_notice, lead_back, page_of_form
from storefront.ops import logs
from storefront.ops.pages import HtmxRequest, SeeOther, base_url, page, wants_fragment
from storefront.ops.shopper import set_shopper_cookie, shopper_of, shopper_or_new
from storefront.pictures import show_pictures
from storefront.shelf import whole_shelf
from storefront.views import HOME, ProductCard, shop_front

logger = logging.getLogger(__name__)

NOT_CHARGED = "You were not charged, and your cart is as you left it."
TELL_THE_SHOP = "Please tell the shop; trying again will not help."
# The words for the first kind that fits.
STRIPE_FAILED: dict[type[failures.StripeFailed], str] = {
    failures.StillAsking: "Stripe has not answered your last press of Buy yet. You were not "
    "charged. Please wait a few seconds, then press Buy again to go on.",
    failures.StripeBusy: f"Many people are buying at this moment. {NOT_CHARGED} Please press Buy "
    "again in a few seconds.",
    failures.AskedDifferently: f"The shop has just been updated. {NOT_CHARGED} Please press Buy "
    "again.",
    failures.StripeDown: f"Stripe cannot be reached at the moment. {NOT_CHARGED} Please try again "
    "in a minute.",
    failures.ClockIsOff: f"The shop cannot take payments, as its clock is wrong. {NOT_CHARGED} "
    f"{TELL_THE_SHOP}",
    failures.TaxNotReady: f"The shop can’t take orders at the moment. {NOT_CHARGED} "
    f"{TELL_THE_SHOP}",
    failures.StripeFailed: f"Stripe did not accept this order. {NOT_CHARGED} {TELL_THE_SHOP}",
}


@require_POST
def create_checkout_session(request: HtmxRequest) -> HttpResponse:
    if request.content_type == "application/json":
        return _buy_json(request)
    return _buy_cart(request)


@require_safe
def orders(request: HtmxRequest) -> HttpResponse:
    panel = my_orders(shopper_of(request), request.GET)
    if wants_fragment(request) and panel.is_unchanged:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context: dict[str, Any] = {"panel": panel, "link": request.GET.get("link")}
    context["mails_links"] = outbox.has_a_way() or not settings.STRIPE_DEMO_MODE
    if wants_fragment(request) and panel.has_changed_the_cart_beside:
        context |= _cart_beside(panel, choice_of(request))
    return page(request, "checkout/orders.html", context, partial="orders-update")


@require_POST
def lost_order(request: HtmxRequest) -> HttpResponse:
    """Mail the link of an order to its shopper; the answer tells nobody whether it fits."""
    asked = lost_orders.read(request.POST.dict())
    said = "asked" if asked.is_readable else "unreadable"
    if asked.is_readable and lost_orders.is_too_often(request):
        said = "too-often"
    elif asked.is_readable:
        lost_orders.mail_link(asked, timezone.now())
    if not wants_fragment(request):
        return SeeOther(f"{reverse('checkout:orders')}?link={said}#lost-order")
    status = HTTPStatus.OK if said == "asked" else HTTPStatus.UNPROCESSABLE_ENTITY
    context = {"lost": asked, "link": said}
    return page(request, "checkout/orders.html", context, partial="lost-order", status=status)


@require_safe
def order(request: HtmxRequest, pk: UUID) -> HttpResponse:
    return order_page(request, _own(request, pk))


@require_safe
def receipt(request: HtmxRequest, token: str) -> HttpResponse:
    """Show the order of a private link, and nothing that its shopper alone may do."""
    order = order_at(token)
    logs.bind(order=str(order.pk))
    answer = order_page(request, order, is_shared=True)
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex"
    return answer


@require_POST
def order_link(request: HtmxRequest, pk: UUID) -> HttpResponse:
    order = _own(request, pk)
    make_link(order)
    return _link_changed(request, order, "The private link is ready.")


@require_POST
def order_link_revocation(request: HtmxRequest, pk: UUID) -> HttpResponse:
    order = _own(request, pk)
    revoke_link(order)
    return _link_changed(request, order, "The private link is revoked and shows nothing any more.")


def _own(request: HtmxRequest, pk: UUID) -> Order:
    order = get_object_or_404(Order.objects.for_shopper(shopper_of(request)), pk=pk)
    logs.bind(order=str(order.pk))
    return order


def order_page(request: HtmxRequest, order: Order, *, is_shared: bool = False) -> HttpResponse:
    panel = one_order(order, request.path, request.GET)
    if wants_fragment(request) and panel.is_unchanged:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    headline = f"Order {order.reference}" if is_shared else headline_of(order)
    context = {"order": order, "panel": panel, "is_shared": is_shared, "headline": headline}
    context |= _link(request, order)
    if not is_shared:  # a licence, say, or where somebody lives: the buyer's alone
        context["after_payment"] = after_payment(order)
        context |= ship_to(order)
    context["items"] = items = _lines(order)
    context |= {"bill": bill_of(order, items), "delivery_name": delivery_name(order)}
    context["tax_to_come"] = tax_to_come(order)
    return page(request, "checkout/order.html", context, partial="order-update")


def _lines(order: Order) -> list[OrderItem]:
    """Return what was bought, with the pictures of what is still there."""
    items = list(order.items.select_related("product__variant_of"))
    show_pictures(item.product for item in items if item.product)
    return items


def _link_changed(request: HtmxRequest, order: Order, words: str) -> HttpResponse:
    if not wants_fragment(request):
        return SeeOther(f"{order.get_absolute_url()}#order-link")
    context = {"order": order, "announcement": words, "leads_to_link": True} | _link(request, order)
    return page(request, "checkout/order.html", context, partial="order-link-change")


def _link(request: HtmxRequest, order: Order) -> dict[str, str]:
    path = address_of(order)
    return {"link": f"{base_url(request)}{path}" if path else ""}


def _cart_beside(panel: OrderPanel, choice: Choice) -> dict[str, Any]:
    """Return the cart as it is by now, and the product cards whose quantities changed."""
    changed = panel.changed
    cart = cart_of(changed[0].shopper, choice=choice)
    items = [item for order in changed for item in panel.items[order.pk]]
    bought = {item.product_id for item in items if item.product_id}
    products = Product.objects.on_sale().filter(pk__in=bought, variant_of=None)
    show_pictures(cart.products)
    cards = [ProductCard(product, cart) for product in products]
    return {"cart": cart, "changed": cards, "is_answer": True}


def _buy_cart(request: HtmxRequest) -> HttpResponse:
    shopper = shopper_or_new(request)
    cart = cart_of(shopper, choice=choice_of(request))
    try:
        order = _buy(request, shopper, wanted_by_form(request.POST, cart))
    except (CannotOrder, NotDelivered) as refused:
        return _refusal(request, shopper, str(refused), HTTPStatus.UNPROCESSABLE_ENTITY)
    except failures.StripeFailed as failure:
        response = _refusal(request, shopper, _words_for(failure), _status_for(failure))
        return _with_retry_after(response, failure)
    return set_shopper_cookie(forget_notice(request, _lead_to_payment(request, order)), shopper)


def _lead_to_payment(request: HtmxRequest, order: Order) -> HttpResponse:
    """Lead to Stripe's page, or, where the policy lets no form lead, to the order's link."""
    scheme, host, *_ = urlsplit(order.session_url)
    origin = f"{scheme}://{host}".lower()
    if origin in (base_url(request), *settings.CHECKOUT_ORIGINS):
        return SeeOther(order.session_url)
    logger.error("Stripe's page is at %s, which has to be in CHECKOUT_ORIGINS.", origin)
    return SeeOther(order.get_absolute_url())


def _buy_json(request: HtmxRequest) -> HttpResponse:
    shopper = shopper_or_new(request)
    try:
        order = _buy(request, shopper, wanted_by_json(request.body))
    except (CannotOrder, NotDelivered) as refused:
        return JsonResponse({"error": str(refused)}, status=HTTPStatus.BAD_REQUEST)
    except failures.StripeFailed as failure:
        error = {"error": _words_for(failure)}
        return _with_retry_after(JsonResponse(error, status=_status_for(failure)), failure)
    answer = {"id": order.session_id, "url": order.session_url, "order_id": str(order.pk)}
    return set_shopper_cookie(JsonResponse(answer), shopper)


def _buy(request: HttpRequest, shopper: UUID, wanted: RequestedOrder) -> Order:
    return buy(
        shopper,
        wanted,
        base_url=base_url(request),
        now=timezone.now(),
        sender=limits.sender_of(request),
    )


def _words_for(failure: failures.StripeFailed) -> str:
    return next(words for kind, words in STRIPE_FAILED.items() if isinstance(failure, kind))


def _status_for(failure: failures.StripeFailed) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if failure.retry_after else HTTPStatus.BAD_GATEWAY


def _with_retry_after(response: HttpResponse, failure: failures.StripeFailed) -> HttpResponse:
    """Say when to try again; of a redirect, the header would say when to follow it."""
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(failure.retry_after)
    return response


def _refusal(request: HtmxRequest, shopper: UUID, words: str, status: HTTPStatus) -> HttpResponse:
    """Let the page of the form say above Buy what went wrong."""
    notice = Notice(page_of_form(request), error=words)
    if wants_fragment(request):
        context = shop_front(shopper, whole_shelf({}), notice, choice_of(request))
        response = page(request, HOME, context, status=status)
    else:
        response = lead_back(request, notice, anchor_of_cart(notice))
    return set_shopper_cookie(response, shopper)
