"""What the merchant has to know of the worker."""

from django import template

from checkout.models import Heartbeat

register = template.Library()


@register.simple_tag
def about_worker() -> str:
    """`{% about_worker as words %}`: nothing while one runs."""
    return Heartbeat.about_worker()
