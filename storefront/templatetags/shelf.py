"""What stands at the top of every page of the shop: the categories, and the search."""

from dataclasses import dataclass

from django import template

from storefront.models import Category
from storefront.shelf import all_categories, is_searchable

register = template.Library()


@dataclass(frozen=True)
class Navigation:
    categories: list[Category]
    is_searchable: bool


@register.simple_tag(takes_context=True)
def shop_navigation(context: template.Context) -> Navigation:
    """`{% shop_navigation as navigation %}`: the way about the shop; empty in an empty one."""
    categories = context.get("categories")
    return Navigation(
        all_categories() if categories is None else categories,
        is_searchable(context.get("shelf")),
    )
