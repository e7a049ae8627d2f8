"""What a plain form has to tell: why it was refused, or what Undo can put back.

Its answer leads back to the page that it stood on, so that neither Back nor a reload meets it; a
signed cookie lets that page say the words, once and not for long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse

from storefront.cart import LONGEST_TYPED, Cart, Removed
from storefront.models import Category, Product
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.pages import HtmxRequest, SeeOther

SALT = "storefront.notices"
SECONDS = 60
PRODUCT_PAGES = "/products/"
PAGES = {
    "storefront:home": ("q", "page", "order", "canceled"),
    "storefront:category": ("page",),
    "storefront:product": (),
    "storefront:cart": (),
}
"""Where forms stand, by the names of their addresses, and what of a query tells where exactly."""
LONGEST_ASKED = 60

product_at = CompiledQuery(
    lambda slug: Product.objects.on_sale().with_family().unread().filter(slug=slug),
    str,
)
category_at = CompiledQuery(lambda slug: Category.objects.filter(slug=slug), str)


@dataclass(frozen=True)
class Notice:
    """Why a form was refused, or what Undo can put back; `page` is the address that says so.

    An error is about a `product`, whose field shows what was `typed`, or about the whole cart.
    """

    page: str = ""
    error: str = ""
    product: int = 0
    typed: str = ""
    removed: int = 0

    def error_beside_none_of(self, products: Iterable[Product]) -> str:
        """Return the error unless it is about one of the products, and stands beside that one."""
        return "" if any(self.product == product.pk for product in products) else self.error

    def removed_from(self, cart: Cart) -> Removed | None:
        """Return what Undo can put back, unless it is in the cart again."""
        if not self.removed:
            return None
        product = Product.objects.on_sale().filter(pk=self.product).first()
        is_gone = product and not cart.quantity_of(product)
        return Removed(product, self.removed) if product and is_gone else None


NOTHING = Notice()


def typed_text(text: str) -> str:
    """Return what a field shows again of the text: not all of it, if it is endless."""
    return "".join(filter(str.isprintable, text[:LONGEST_TYPED]))


def page_of(request: HttpRequest) -> str:
    """Return the address of the page that is asked for, as its forms say it in `back`."""
    match = request.resolver_match
    return _written(request.path, match.view_name if match else "", request.GET.dict())


def page_of_form(request: HttpRequest, product: Product | None = None) -> str:
    """Return the address of the page that a form stands on, as it says itself in `back`.

    Home, unless it is a page of the shelf, the cart's, or that of a product that is still sold.
    `product` is what the form is about: pages from an older release say no more than that it
    stands on its page.
    """
    back = request.POST.get("back", "")
    if back == "product" and product and product.is_on_sale:
        return product.get_absolute_url()
    path, _, query = back.partition("#")[0].partition("?")
    try:
        match = resolve(path)
    except Resolver404:
        return reverse("storefront:home")
    slug = match.kwargs.get("slug")
    is_there = match.view_name in PAGES and (
        slug is None or (product_at if path.startswith(PRODUCT_PAGES) else category_at)(slug)
    )
    if not is_there:
        return reverse("storefront:home")
    return _written(path, match.view_name, dict(parse_qsl(query)))


def _written(path: str, view_name: str, query: Mapping[str, str]) -> str:
    """Leave out of the query what tells nothing about the place, or is endless."""
    asked = [(name, query.get(name, "")[:LONGEST_ASKED]) for name in PAGES.get(view_name, ())]
    kept = urlencode([(name, value) for name, value in asked if value])
    return f"{path}?{kept}" if kept else path


def anchor_of_cart(notice: Notice) -> str:
    """Lead to the cart, but to the top of a page that says an error there."""
    return "" if notice.error and not notice.page.startswith(PRODUCT_PAGES) else "cart"


def lead_back(request: HttpRequest, notice: Notice, anchor: str) -> HttpResponse:
    """Answer a plain form: go to its page, which says what there is to say."""
    response = SeeOther(f"{notice.page}#{anchor}" if anchor else notice.page)
    if not (notice.error or notice.removed):
        forget_notice(request, response)
    else:
        response.set_cookie(
            settings.NOTICE_COOKIE_NAME,
            signing.dumps(asdict(notice), salt=SALT, compress=True),
            max_age=SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def notice_for(request: HtmxRequest) -> Notice:
    """Return what the page has to say; nothing if it is for another page, or too old."""
    cookie = request.COOKIES.get(settings.NOTICE_COOKIE_NAME, "")
    # A part, or a page that renews itself, is not what the form led to.
    if not cookie or request.htmx:
        return NOTHING
    try:
        notice = Notice(**signing.loads(cookie, salt=SALT, max_age=SECONDS))
    except (signing.BadSignature, TypeError):  # forged, old, or of another release
        return NOTHING
    return notice if notice.page == page_of(request) else NOTHING


def forget_notice(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let no page say what was said, or what is no longer true: a form has succeeded since."""
    if settings.NOTICE_COOKIE_NAME in request.COOKIES:
        response.delete_cookie(settings.NOTICE_COOKIE_NAME, samesite="Lax")
    return response
