"""`{% cached NAME=VALUE … %}…{% endcached %}`: a part of a page, rendered once for the same values.

Django's own cache tag asks a cache by a hashed key, which takes longer than rendering a part as
small as a product. Here the values themselves are the key, so no part is ever out of date.

Inside, only the named values are there, as after `include … only`, and what is the same on all
pages of the shop, such as its name and currency: what was rendered for one shopper cannot be shown
to another, and a forgotten name is an empty word. A model counts as the values of its fields and
its `values_beside`, a list or tuple as its items, an object with a `cache_key` as that. The token
of a form and where it leads back to are the shopper's own, since `pages.page` writes them into the
finished page.
"""

from functools import cache
from typing import Any

from django.db.models import Model
from django.template import Context, Library, TemplateSyntaxError
from django.template.base import FilterExpression, Node, NodeList, Parser, Token, token_kwargs
from django.utils.safestring import SafeString

from storefront.ops.pages import PLACEHOLDERS, shop_context

register = Library()

MAX_FRAGMENTS = 2_000
"""How many are kept, of a kilobyte or so each; then all are dropped and rendered again."""

fragments: dict[tuple[Any, ...], SafeString] = {}


class CachedFragment(Node):
    def __init__(self, nodelist: NodeList, values: dict[str, FilterExpression]) -> None:
        self.nodelist = nodelist
        self.names, self.values = [*values], [*values.values()]

    def render(self, context: Context) -> SafeString:
        values = [value.resolve(context) for value in self.values]
        shop = context.get("shop_values") or shop_context()["shop_values"]
        key = (self, shop, *map(key_of, values))
        fragment = fragments.get(key)
        if fragment is None:
            if len(fragments) >= MAX_FRAGMENTS:
                fragments.clear()
            named = shop_context() | dict(zip(self.names, values, strict=True)) | PLACEHOLDERS
            fragment = fragments[key] = self.nodelist.render(context.new(named))
        return fragment


def key_of(value: Any) -> Any:
    if isinstance(value, Model):
        return values_of(value)
    if isinstance(value, list | tuple):
        return tuple(map(key_of, value))
    return getattr(value, "cache_key", value)


def values_of(model: Model) -> tuple[Any, ...]:
    """Return the values of all fields: a model equals any other of its id, whatever has changed.

    What is shown of it and is no field, such as its pictures, is in `values_beside`.
    """
    fields = map(vars(model).get, _attributes_of(type(model)))
    return (*fields, getattr(model, "values_beside", None))


@cache
def _attributes_of(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


@register.tag
def cached(parser: Parser, token: Token) -> CachedFragment:
    tag, *bits = token.split_contents()
    values = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError(f"{{% {tag} %}} takes NAME=VALUE, not {bits[0]}.")
    nodelist = parser.parse(["endcached"])
    parser.delete_first_token()
    return CachedFragment(nodelist, values)
