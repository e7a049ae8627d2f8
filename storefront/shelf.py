"""The shelf in pages: all of it, a category, or what a search finds.

A product and its variants have one place on it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.http import Http404
from django.template.defaultfilters import pluralize
from django.urls import reverse

from storefront.models import Category, Product, ProductQuerySet
from storefront.ops.bidi import isolated
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.spelling import searchable

PAGE_SIZE = 24
SEARCH_FROM = 12
"""A shelf of fewer products is looked over sooner than a word is typed."""
OTHERS = 4
LONGEST_QUERY = 60
FEW = 300
"""So many products of a category are sorted sooner than found among all the others."""
PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)

ProductsInCategories = Product.categories.through


@dataclass(frozen=True)
class Shelf:
    """One page of it; `path` is where its pages are, `found` how many a search found in all."""

    products: list[Product]
    path: str
    page: int = 1
    has_more: bool = False
    query: str = ""
    found: int = 0
    category: Category | None = None

    @property
    def address(self) -> str:
        return self._address(self.page)

    @property
    def next_address(self) -> str:
        return self._address(self.page + 1) if self.has_more else ""

    @property
    def previous_address(self) -> str:
        return self._address(self.page - 1) if self.page > 1 else ""

    @property
    def title(self) -> str:
        page = f", page {self.page}" if self.page > 1 else ""
        if not self.query:
            return f"{self.category or 'Products'}{page}"
        counted = f"{self.found} product{pluralize(self.found)}" if self.found else "Nothing found"
        return f"{counted} for “{isolated(self.query)}”{page}"

    def _address(self, page: int) -> str:
        asked = {"q": self.query, "page": page if page > 1 else ""}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{self.path}?{query}" if query else self.path


def _on_shelf() -> ProductQuerySet:
    return Product.objects.on_shelf().with_variants().unread()


def _of_large(category: int) -> ProductQuerySet:
    """Go along the shelf and pick: a page is soon full."""
    place = ProductsInCategories.objects.filter(product=OuterRef("pk"), category=category)
    return _on_shelf().filter(Exists(place))


def _of_small(category: int) -> ProductQuerySet:
    places = ProductsInCategories.objects.filter(category=category)
    return _on_shelf().filter(pk__in=places.values("product"))


all_categories = CompiledQuery(lambda: Category.objects.all())
_first_page = CompiledQuery(lambda: _on_shelf()[: PAGE_SIZE + 1])
_first_of_large = CompiledQuery(lambda pk: _of_large(pk)[: PAGE_SIZE + 1], int)
_first_of_small = CompiledQuery(lambda pk: _of_small(pk)[: PAGE_SIZE + 1], int)
newest_products = CompiledQuery(lambda: _on_shelf().exclude(stock=0).order_by("-pk")[:3])
_others_of_large = CompiledQuery(lambda pk: _of_large(pk)[: OTHERS + 1], int)
_others_of_small = CompiledQuery(lambda pk: _of_small(pk)[: OTHERS + 1], int)
_one_more_than_few = CompiledQuery(
    lambda pk: ProductsInCategories.objects.filter(category=pk).order_by()[FEW : FEW + 1], int
)
_last_of_many = CompiledQuery(
    lambda: Product.objects.on_shelf().only("pk")[SEARCH_FROM - 1 : SEARCH_FROM]
)


def is_searchable(shelf: Shelf | None = None) -> bool:
    """Whether there is so much that a search helps; the `shelf` that is shown may tell."""
    is_shown = shelf and (shelf.query or shelf.page > 1 or len(shelf.products) >= SEARCH_FROM)
    is_whole = shelf and not shelf.category
    return bool(is_shown or (not is_whole and _last_of_many()))


def whole_shelf(asked: Mapping[str, str]) -> Shelf:
    """Return the page that is asked for, of what is searched for; raise Http404 beyond the last."""
    query = typed_query(asked)
    if query:
        return _search(query, page_asked(asked))
    page = page_asked(asked)
    rows = _first_page() if page == 1 else list(_on_shelf()[_span(page)])
    return _page_of(rows, page, path=reverse("storefront:home"))


def category_shelf(category: Category, asked: Mapping[str, str]) -> Shelf:
    page = page_asked(asked)
    is_large = bool(_one_more_than_few(category.pk))
    if page == 1:
        rows = (_first_of_large if is_large else _first_of_small)(category.pk)
    else:
        rows = list((_of_large if is_large else _of_small)(category.pk)[_span(page)])
    path = category.get_absolute_url()
    return _page_of(rows, page, path=path, category=category)


def others_of(category: Category, family: int) -> list[Product]:
    """Return the first few of a category, to be shown beside one of its families."""
    is_large = bool(_one_more_than_few(category.pk))
    rows = (_others_of_large if is_large else _others_of_small)(category.pk)
    return [other for other in rows if other.pk != family][:OTHERS]


def typed_query(asked: Mapping[str, str]) -> str:
    """Return what is searched for, as it can be shown again; nothing if it has no word."""
    text = asked.get("q", "")[:LONGEST_QUERY]
    query = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return query if searchable(query) else ""


def page_asked(asked: Mapping[str, str]) -> int:
    text = asked.get("page", "1")
    if not PAGE_NUMBER.fullmatch(text):
        raise Http404
    return int(text)


def _search(query: str, page: int) -> Shelf:
    # All keys, in one pass over the texts: to count them would be another one.
    keys = list(matching(query).values_list("pk", flat=True))
    shown = keys[(page - 1) * PAGE_SIZE :][: PAGE_SIZE + 1]
    products = _on_shelf().order_by().in_bulk(shown)
    rows = [products[pk] for pk in shown if pk in products]
    path = reverse("storefront:home")
    return _page_of(rows, page, path=path, query=query, found=len(keys))


def matching(query: str) -> ProductQuerySet:
    """Return the families of which a member has all words, or is in a category that has them."""
    categories = [(category.pk, searchable(category.name)) for category in all_categories()]
    itself, variant = Q(), Q(variant_of__isnull=False)
    for word in dict.fromkeys(searchable(query).split()):
        in_text = Q(search_text__contains=word)
        named_so = [pk for pk, name in categories if word in name]
        places = ProductsInCategories.objects.filter(category__in=named_so).values("product")
        itself &= in_text | Q(pk__in=places) if named_so else in_text
        variant &= in_text | Q(variant_of__in=places) if named_so else in_text
    families = Product.objects.filter(variant, is_on_sale=True).order_by().values("variant_of")
    return Product.objects.on_shelf().filter(itself | Q(pk__in=families))


def _span(page: int) -> slice:
    return slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE + 1)


def _page_of(rows: list[Product], page: int, **shelf: object) -> Shelf:
    """Make a page of the rows, of which there is one more if another page follows."""
    if page > 1 and not rows:
        raise Http404
    products = list(islice(rows, PAGE_SIZE))
    return Shelf(products, page=page, has_more=len(rows) > PAGE_SIZE, **shelf)  # type: ignore[arg-type]
