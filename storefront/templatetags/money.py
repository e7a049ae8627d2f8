from django import template

from storefront.money import written

register = template.Library()


@register.filter
def money(cents: int, currency: str | None = None) -> str:
    """`{{ order.total_cents|money:order.currency }}`; the shop's own currency unless told."""
    return written(cents, currency)
