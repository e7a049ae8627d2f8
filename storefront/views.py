"""The shop front: the catalogue, the product pages and the cart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve, reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, replace_url

from storefront.cart import (
    Cart,
    InvalidQuantity,
    Removed,
    cart_of,
    requested_quantity,
    set_quantity,
)
from storefront.countries import countries
from storefront.delivery import (
    NUMBER,
    UNCHOSEN,
    Choice,
    NotDelivered,
    choice_of,
    chosen_in,
    quote,
    remember_choice,
)
from storefront.logos import logo_file
from storefront.models import Category, Product, read_kinds
from storefront.notices import (
    NOTHING,
    PRODUCT_PAGES,
    Notice,
    anchor_of_cart,
    category_at,
    forget_notice,
    lead_back,
    notice_for,
    page_of,
    page_of_form,
    product_at,
    typed_text,
)
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.pages import HtmxRequest, page, wants_fragment
from storefront.ops.shopper import set_shopper_cookie, shopper_of, shopper_or_new
from storefront.ops.templatetags.fragment_cache import values_of
from storefront.pictures import body_of, show_pictures
from storefront.shelf import (
    Shelf,
    all_categories,
    category_shelf,
    newest_products,
    others_of,
    whole_shelf,
)
from storefront.stock import SCARCE

HOME, CATEGORY = "storefront/home.html", "storefront/category.html"
PRODUCT, CART = "storefront/product.html", "storefront/cart.html"
FOR_EVER = "public, max-age=31536000, immutable"

product_of = CompiledQuery(lambda pk: Product.objects.with_family().unread().filter(pk=pk), int)
UNSAID: dict[str, Any] = {
    "is_more": False,
    "offered": None,
    "shelf_news": "",
    "is_answer": False,
    "delivery_error": "",
    "product_delivery": None,
    "sent": {},
}
"""What most pages don't say: a name that is nowhere takes a template long to miss."""

categories_of = CompiledQuery(lambda product: Category.objects.filter(products=product)[:1], int)


@dataclass(frozen=True)
class ProductCard:
    """A product with its quantity in the cart, and what was wrong with the one last entered."""

    product: Product
    cart: Cart
    notice: Notice = NOTHING
    is_first: bool = False
    """Whether it is the first of its page, and seen at once."""
    leads_on: bool = False
    """Whether it is the first of those that “Show more” has brought, and gets the focus."""

    @property
    def cache_key(self) -> tuple[object, ...]:
        """All that the card shows: two cards of one key are rendered once."""
        state = self.quantity, self.left, self.error, self.shown
        return values_of(self.product), *state, self.is_first, self.leads_on

    @cached_property
    def error(self) -> str:
        return self.notice.error if self.notice.product == self.product.pk else ""

    @property
    def shown(self) -> int | str:
        """What stands in the field: a quantity that was refused stays to be mended."""
        return self.notice.typed if self.error else self.quantity

    @cached_property
    def quantity(self) -> int:
        return self.cart.quantity_of(self.product)

    @property
    def left(self) -> int | None:
        """How many the shopper could have; None if they aren't counted."""
        if self.product.is_choice:
            return 0 if self.product.is_sold_out else None
        return self.cart.left_of(self.product)

    @property
    def field(self) -> str:
        """The selector of its field, for an answer that renews it whatever stands in it."""
        return f"#quantity-{self.product.pk}"

    @property
    def untouched_field(self) -> str:
        """Selects the field as long as its text is the one that it came with."""
        return f"{self.field}:not(:has(:invalid))"

    @property
    def field_unless_typed_in(self) -> str:
        """Selects the field unless the shopper is just typing something new in it."""
        others = (f"{self.field}:not(:focus-within)", f"{self.field}:has([aria-invalid=true])")
        return ", ".join([self.untouched_field, *others])

    @property
    def is_scarce(self) -> bool:
        return self.left is not None and self.left <= SCARCE


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    return _shelf_page(request, HOME, whole_shelf(request.GET))


@require_safe
def category(request: HtmxRequest, slug: str) -> HttpResponse:
    found = category_at(slug)
    if not found:
        raise Http404
    return _shelf_page(request, CATEGORY, category_shelf(found[0], request.GET))


@require_safe
def product(request: HtmxRequest, slug: str) -> HttpResponse:
    found = product_at(slug)
    if not found:
        raise Http404
    notice = notice_for(request)
    context = product_page(shopper_of(request), found[0], notice, choice_of(request))
    response = page(request, PRODUCT, context)
    return forget_notice(request, response) if notice.page else response


@require_safe
def cart(request: HtmxRequest) -> HttpResponse:
    notice = notice_for(request)
    shown = cart_of(shopper_of(request), choice=choice_of(request))
    context = UNSAID | cart_page(shown, notice) | {"removed": notice.removed_from(shown)}
    response = page(request, CART, context)
    return forget_notice(request, response) if notice.page else response


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:
    body = body_of(name)
    return _file(request, name, (body, "image/webp") if body else None)


@require_safe
def logo(request: HttpRequest, name: str) -> HttpResponse:
    return _file(request, name, logo_file(name))


@require_POST
def cart_line(request: HtmxRequest, pk: int) -> HttpResponse:
    found = product_of(pk)
    if not found:
        raise Http404
    [product] = found
    shopper = shopper_or_new(request)
    notice = Notice(page_of_form(request, product), product=product.pk)
    try:
        removed = set_quantity(shopper, product, requested_quantity(request.POST))
        notice = replace(notice, removed=removed.quantity if removed else 0)
    except InvalidQuantity as refused:
        typed = typed_text(request.POST.get("quantity", ""))
        notice = replace(notice, error=str(refused), typed=typed)
    if wants_fragment(request):
        response = _changed_parts(request, shopper, product, notice)
    else:
        response = lead_back(request, notice, _anchor(request, product, notice))
    return set_shopper_cookie(response, shopper)


@require_POST
def delivery(request: HtmxRequest) -> HttpResponse:
    notice = Notice(page_of_form(request))
    choice = choice_of(request)
    try:
        choice = chosen_in(request.POST, before=choice)
    except NotDelivered as refused:
        notice = replace(notice, error=str(refused))
    if wants_fragment(request):
        response = _changed_delivery(request, choice, notice)
    else:
        anchor = anchor_of_cart(notice) if notice.error else "delivery"
        response = lead_back(request, notice, anchor)
    is_chosen = choice != UNCHOSEN and not notice.error
    return remember_choice(response, choice) if is_chosen else response


def shop_front(
    shopper: UUID | None, shelf: Shelf, notice: Notice = NOTHING, choice: Choice = UNCHOSEN
) -> dict[str, Any]:
    """A page of the shelf; an error stands beside the product it is about, else above Buy."""
    cart = cart_of(shopper, shelf.products, choice)
    show_pictures([*shelf.products, *cart.products])
    read_kinds(shelf.products)
    return {
        "cart": cart,
        "shelf": shelf,
        "cards": [
            ProductCard(product, cart, notice, is_first=number == 0)
            for number, product in enumerate(shelf.products)
        ],
        "cart_error": notice.error_beside_none_of(shelf.products),
        "removed": notice.removed_from(cart),
        "back_to": notice.page or shelf.address,
        **UNSAID,
    }


def product_page(
    shopper: UUID | None, product: Product, notice: Notice = NOTHING, choice: Choice = UNCHOSEN
) -> dict[str, Any]:
    """The context of one product with the cart beside it."""
    cart, categories, kinds = cart_of(shopper, [product], choice), all_categories(), product.kinds
    family = product.variant_of_id or product.pk
    category = next(iter(categories_of(family)), None) if categories else None
    related = others_of(category, family) if category else []
    show_pictures([product, *cart.products, *related])
    read_kinds([product, *related])
    return {
        **UNSAID,
        "cart": cart,
        "card": ProductCard(product, cart, notice),
        "categories": categories,
        "category": category,
        "cart_error": notice.error_beside_none_of([product]),
        "removed": notice.removed_from(cart),
        "offered": offer_of(product, cart),
        "related": related,
        "back_to": product.get_absolute_url(),
        "kinds": kinds,
    } | delivery_of(product, kinds, cart)


def delivery_of(product: Product, kinds: list[Product], cart: Cart) -> dict[str, Any]:
    """What the page of a product says about its delivery; nothing if it is not sent."""
    is_sent = any(kind.needs_shipping for kind in (kinds if product.is_choice else [product]))
    if not is_sent:
        return {"product_delivery": None}
    found = cart.delivery if cart.is_sent else quote(0, cart.choice)
    cents = found.chosen.rate.cents_for(product.price_cents) if found else 0
    return {"product_delivery": found, "product_delivery_cents": cents}


def offer_of(product: Product, cart: Cart) -> Product | None:
    """Return the product for the bar of its page, unless it is in the cart or can't be."""
    is_out = not product.is_for_sale or cart.left_of(product) == 0
    return None if is_out or cart.quantity_of(product) else product


def cart_page(cart: Cart, notice: Notice = NOTHING) -> dict[str, Any]:
    """The context of the cart on its own page; an error stands beside the line it is about."""
    rows = [(line, ProductCard(line.product, cart, notice)) for line in cart.lines]
    with_field = [line.product for line in cart.lines if line.product.is_for_sale]
    newest = [] if rows else newest_products()
    show_pictures([*cart.products, *newest])
    read_kinds(newest)
    return {
        "cart": cart,
        "rows": rows,
        "newest": newest,
        "cart_error": notice.error_beside_none_of(with_field),
        "back_to": reverse("storefront:cart"),
    }


def _file(request: HttpRequest, name: str, found: tuple[bytes, str] | None) -> HttpResponse:
    """A file of a picture, for ever: another picture has another address."""
    if not found:
        raise Http404
    body, kind = found
    headers = {"Cache-Control": FOR_EVER, "ETag": f'"{name}"'}
    answer = HttpResponse(body, content_type=kind, headers=headers)
    return get_conditional_response(request, answer["ETag"], response=answer) or answer


def _shelf_page(request: HtmxRequest, template: str, shelf: Shelf) -> HttpResponse:
    notice = notice_for(request)
    context = shop_front(shopper_of(request), shelf, notice, choice_of(request))
    context["back_to"] = page_of(request)
    if request.htmx.target == "products" and shelf.products:
        context |= {"is_more": True, "shelf_news": f"{len(shelf.products)} more products."}
        context["cards"][0] = replace(context["cards"][0], leads_on=True)
    if request.htmx.trigger == "search":
        response = page(request, template, context | {"shelf_news": shelf.title})
        # Back leads to where the search began, and not through each word on the way.
        goes_on = "q=" in urlsplit(request.htmx.current_url or "").query
        return (replace_url if goes_on else push_url)(response, shelf.address)
    response = page(request, template, context)
    return forget_notice(request, response) if notice.page else response


def _changed_parts(
    request: HtmxRequest, shopper: UUID, product: Product, notice: Notice
) -> HttpResponse:
    """Answer htmx with the cart, and the product's quantity if the page shows it."""
    cart = cart_of(shopper, [product], choice_of(request))
    show_pictures(cart.products)
    card = ProductCard(product, cart, notice)
    context: dict[str, Any] = {
        **UNSAID,
        "cart": cart,
        "card": card,
        "is_answer": True,
        "renewed": _renewed_field(request, card),
        "is_card_shown": _shows(request, product),
        "cart_error": "" if product.is_for_sale else notice.error,
        "removed": Removed(product, notice.removed) if notice.removed else None,
        "back_to": notice.page,
    }
    if notice.page == reverse("storefront:cart"):
        context |= _changed_cart_page(request, card)
    elif shown := _product_of_page(notice.page, product):
        context["offered"] = offer_of(shown, cart)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if notice.error else HTTPStatus.OK
    return page(request, "storefront/_cart_change.html", context, status=status)


def _changed_delivery(request: HtmxRequest, choice: Choice, notice: Notice) -> HttpResponse:
    """Answer htmx with the cart, and what the page of a product says about its delivery."""
    shown = _product_of_page(notice.page)
    cart = cart_of(shopper_of(request), [shown] if shown else [], choice)
    show_pictures(cart.products)
    context: dict[str, Any] = {
        **UNSAID,
        "cart": cart,
        "is_answer": True,
        "delivery_error" if cart.delivery else "cart_error": notice.error,
        "sent": _sent(request.POST),
        "back_to": notice.page,
    }
    if notice.page == reverse("storefront:cart"):
        context = cart_page(cart) | context | {"is_cart_page": True}
        context["others"] = [card for line, card in context["rows"] if line.product.is_for_sale]
    elif shown:
        context |= {"offered": offer_of(shown, cart)} | delivery_of(shown, shown.kinds, cart)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if notice.error else HTTPStatus.OK
    return page(request, "storefront/_cart_change.html", context, status=status)


def _sent(form: Mapping[str, str]) -> dict[str, str]:
    """What the form chose, as selectors take it: what stands at that is renewed by the answer."""
    country, way = form.get("country", ""), form.get("delivery", "")
    return {
        "country": country if country in countries() else "",
        "way": way if NUMBER.fullmatch(way) else "",
    }


def _changed_cart_page(request: HttpRequest, card: ProductCard) -> dict[str, Any]:
    """What the cart's own page shows after a change, with the other fields as they are by now."""
    context = cart_page(card.cart, card.notice)
    others = [other for line, other in context["rows"] if other.product != card.product]
    return context | {
        "is_cart_page": True,
        "is_card_shown": len(others) < len(context["rows"]) and card.product.is_for_sale,
        "others": [other for other in others if other.product.is_for_sale],
        # The line that had the focus is gone, unless Remove had it, whose focus goes by its id.
        "leads_to_undo": "shown" in request.POST,
    }


def _renewed_field(request: HttpRequest, card: ProductCard) -> str:
    """Select the field that an answer to htmx renews, or none if there is newer text in it."""
    sent, shown = request.POST.get("quantity"), request.POST.get("shown")
    if "step" in request.POST:
        return card.untouched_field if sent == shown else card.field
    is_as_typed = shown is None or (not card.error and sent == str(card.quantity))
    return card.field_unless_typed_in if is_as_typed else card.field


def _anchor(request: HttpRequest, product: Product, notice: Notice) -> str:
    """Where in its page a plain form stands: at the product, or in the cart."""
    if notice.page == reverse("storefront:cart") and not notice.removed:
        return f"line-{product.pk}" if product.is_for_sale else anchor_of_cart(notice)
    is_other = notice.page != product.get_absolute_url()
    is_of_another = notice.page.startswith(PRODUCT_PAGES) and is_other
    is_in_family = product.variant_of_id and is_other  # which the shelf shows
    is_in_cart = request.POST.get("back", "").endswith("#cart") and not notice.error
    if is_in_cart or not product.is_for_sale or is_of_another or is_in_family:
        return anchor_of_cart(notice)
    return f"product-{product.pk}"


def _shows(request: HtmxRequest, product: Product) -> bool:
    """Whether the page that asks shows its quantity: the page of another one does not.

    The shelf leads to the page of a family, and shows no quantity of it.
    """
    path = _path_of(request.htmx.current_url or "")
    if path.startswith(PRODUCT_PAGES):
        return product.is_for_sale and path == product.get_absolute_url()
    return product.is_for_sale and not product.variant_of_id and not product.has_variants


def _product_of_page(page: str, changed: Product | None = None) -> Product | None:
    """Return the product that the page is about, which need not be the one that has changed."""
    if not page.startswith(PRODUCT_PAGES):
        return None
    if changed and page == changed.get_absolute_url():
        return changed
    return next(iter(product_at(resolve(page).kwargs["slug"])), None)


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # no browser is at such an address
        return ""
