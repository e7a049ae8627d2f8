"""Words that name commands, on a page."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def with_code(words: str) -> SafeString:
    """`{{ finding.todo|with_code }}`: what stands between backticks is code."""
    html = re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))
    return mark_safe(html)  # noqa: S308  (escaped)
