from django import template

from storefront.money import decimal_amount, format_money

register = template.Library()


@register.filter
def money(cents: int, currency: str | None = None) -> str:
    """`{{ order.total_cents|money:order.currency }}`; the shop's own currency unless told."""
    return format_money(cents, currency)


@register.filter
def amount(cents: int, currency: str | None = None) -> str:
    """The number alone, as machines read it."""
    return decimal_amount(cents, currency)
