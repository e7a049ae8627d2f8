"""`{% remember VALUE … %}…{% endcached %}`: a part that is rendered once for the same values.

Django's own cache tag asks a cache, by a key that is hashed: for a part as small as a product
that takes longer than what it spares. Here the values are the key, so nothing can be out of
date; a model counts as the values of all its fields. What a part says may depend on these
values and on the settings, and on nothing else. The CSRF token is no hindrance: `pages.page`
writes it into the finished page.
"""

from typing import Any

from django import template
from django.db.models import Model
from django.template.base import FilterExpression, Node, NodeList, Parser, Token
from django.utils.safestring import SafeString

register = template.Library()

MAX_FRAGMENTS = 2_000
"""How many parts are kept, of a kilobyte or so each; then all are forgotten and made anew."""

kept: dict[tuple[Any, ...], SafeString] = {}


class CachedFragment(Node):
    def __init__(self, nodelist: NodeList, values: list[FilterExpression]) -> None:
        self.nodelist = nodelist
        self.values = values

    def render(self, context: template.Context) -> SafeString:
        values = [value.resolve(context) for value in self.values]
        key = (self, *[values_of(v) if isinstance(v, Model) else v for v in values])
        part = kept.get(key)
        if part is None:
            if len(kept) >= MAX_FRAGMENTS:
                kept.clear()
            part = kept[key] = self.nodelist.render(context)
        return part


def values_of(model: Model) -> tuple[Any, ...]:
    """Return the values of all fields: a model equals any other of its id, whatever has changed."""
    values = model.__dict__
    return tuple([values.get(field.attname) for field in model._meta.concrete_fields])


@register.tag
def cached(parser: Parser, token: Token) -> CachedFragment:
    values = [parser.compile_filter(word) for word in token.split_contents()[1:]]
    nodelist = parser.parse(["endcached"])
    parser.delete_first_token()
    return CachedFragment(nodelist, values)
