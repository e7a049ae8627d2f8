"""Amounts in templates, for people and for machines."""

from django import template

from storefront.money import decimal_amount, format_money

register = template.Library()


@register.filter
def money(cents: int, currency: str | None = None) -> str:
    """`{{ order.total_cents|money:order.currency }}`; in the shop's currency by default."""
    return format_money(cents, currency)


@register.filter
def amount(cents: int, currency: str | None = None) -> str:
    """`{{ product.price_cents|amount }}`: the number alone, as machines read it."""
    return decimal_amount(cents, currency)
