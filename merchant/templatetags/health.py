"""What was found, and when, in words on a page."""

import re
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from merchant.alarms import ago

register = template.Library()


@register.filter
def age(at: datetime) -> str:
    """`{{ finding.at|age }}`, such as “5 minutes ago”."""
    return ago(at, timezone.now())


@register.filter
def with_code(words: str) -> SafeString:
    """`{{ finding.todo|with_code }}`: what stands between backticks is code."""
    html = re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))
    return mark_safe(html)  # noqa: S308  (escaped)
