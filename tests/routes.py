"""An address for each route of the shop, found by walking the resolver, so none is forgotten."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from storefront.ops.health import HOST_CHECK_EXEMPT

SAMPLES = {"int": "1", "uuid": "7f1d0e0c-5a8e-4f5e-9b55-1d6f0a3f2c11", "slug": "mouse"}
WEBHOOKS = {"/stripe/webhook/", "/stripe/webhook"}


def addresses(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """One address for each route, with samples for what changes in it."""
    for pattern in resolver.url_patterns:
        route = re.sub(r"<(?:(\w+):)?\w+>", sample, str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            # The last one of the admin catches what is left, as a regular expression.
            yield before + (route if "(" not in route else "nothing/")
        else:
            yield from addresses(pattern, before + route)


def sample(found: re.Match[str]) -> str:
    return SAMPLES.get(found[1], "x")


ADDRESSES = sorted({*addresses(get_resolver()), *HOST_CHECK_EXEMPT, "/nothing/at/all/"})
