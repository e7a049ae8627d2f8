"""The merchant's desk: lists of what grows with the shop, and Stripe's events, to read.

A million rows open as quickly as ten: nothing here counts, sorts or searches all of them.
"""

import unicodedata
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from checkout.models import Message, StripeEvent

MAX_ROWS = 10_000


class NewestPages(Paginator):
    """Pages of the newest rows; a filter or a search finds older ones."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment]
        return rows[:MAX_ROWS].count()


class LargeTableAdmin(admin.ModelAdmin):
    """A list that grows with the shop."""

    paginator = NewestPages
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("id",)  # shows the search box; `search` decides what is found

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        # As a keyboard for other letters may write it.
        term = unicodedata.normalize("NFKC", search_term).strip()
        return self.search(queryset, term) if term else queryset, False

    def search(self, rows: Any, term: str) -> Any:
        """Return the rows that the term names in full, so that an index answers."""
        raise NotImplementedError


class ReadOnly:
    """Only Stripe's events change these rows, so the desk shows them without a form."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnly, LargeTableAdmin):
    list_display = ("type", "outcome", "order", "created", "received_at")
    list_filter = ("outcome",)
    list_select_related = ("order",)
    ordering = ("-id",)
    search_help_text = "Stripe's evt_…, cs_… or pi_…, in full"

    def search(self, rows: Any, term: str) -> Any:
        if term.startswith("cs_"):
            return rows.filter(order__session_id=term)
        return rows.filter(**{"payment_intent" if term.startswith("pi_") else "event_id": term})


def message_actions(message: Message) -> SafeString:
    """Return what can be done with a message; the button is one of the form around it."""
    read = format_html(
        '<a href="{}">Read it</a>', reverse("admin:checkout_message_mail", args=[message.pk])
    )
    is_last = not Message.objects.filter(key=message.next_key).exists()
    if message.state == Message.State.WAITING or not is_last:
        return read
    return format_html(
        '{} <button type="submit" class="button" formaction="{}" formmethod="post">Send again'
        "</button>",
        read,
        reverse("admin:checkout_message_again", args=[message.pk]),
    )
