"""What the shop has written, and what it would write: to read, and to send again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from checkout import outbox
from checkout.admin import LargeTableAdmin, ReadOnly, message_actions
from checkout.models import Message, Order
from merchant.finding import WHAT, found
from merchant.orders import OrderAdmin
from merchant.samples import sample
from storefront.ops.pages import SeeOther

Kind, State = Message.Kind, Message.State

# Mails have their styles at each element, which no other page of the shop may; this one can do
# nothing else.
POLICY = "sandbox; style-src 'unsafe-inline'; default-src 'none'; frame-ancestors 'none'"


class ByState(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        rows = Message.objects.all()
        by_state: dict[str | None, QuerySet[Message]] = {
            State.WAITING: rows.waiting(),
            State.SENT: rows.filter(sent_at__isnull=False),
            State.UNSURE: rows.unsure(timezone.now()),
            State.FAILED: rows.failed(),
        }
        chosen = by_state.get(self.value())
        return queryset if chosen is None else queryset & chosen


admin.site.register(Order, OrderAdmin)


@admin.register(Message)
class MessageAdmin(ReadOnly, LargeTableAdmin):
    list_display = ("kind", "order", "to", "state_in_words", "created_at", "sent_at")
    list_filter = (ByState, "kind")
    list_select_related = ("order",)
    ordering = ("-id",)
    search_help_text = f"What names its order: {WHAT}"
    fields = (
        *("kind", "order", "to", "state_in_words", "error", "mail"),
        *("created_at", "due_at", "tries", "claimed_at", "sent_at", "is_demo"),
    )
    readonly_fields = ("state_in_words", "mail")
    change_list_template = "admin/messages.html"

    @admin.display(description="state")
    def state_in_words(self, message: Message) -> str:
        return State(message.state).label

    @admin.display(description="mail")
    def mail(self, message: Message) -> SafeString:
        return message_actions(message)

    def search(self, rows: Any, term: str) -> Any:
        return rows.filter(order__in=found(term))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "GET":
            say_how_it_stands(request)
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        pages = [
            path("kinds/", wrap(require_safe(self.kinds)), name="checkout_message_kinds"),
            path("kinds/<str:kind>/", wrap(require_safe(self.kind)), name="checkout_message_kind"),
            path("<int:pk>/mail/", wrap(require_safe(self.read)), name="checkout_message_mail"),
            path("<int:pk>/again/", wrap(require_POST(self.again)), name="checkout_message_again"),
        ]
        return [*pages, *super().get_urls()]

    def kinds(self, request: HttpRequest) -> HttpResponse:
        """List the kinds of mail, each with what it looks like."""
        self._let_in(request)
        context = {"title": "The mails of this shop", "opts": self.opts, "kinds": Kind.choices}
        return render(request, "admin/mails.html", self.admin_site.each_context(request) | context)

    def kind(self, request: HttpRequest, kind: str) -> HttpResponse:
        self._let_in(request)
        if kind not in Kind:
            raise Http404
        with sample(Kind(kind)) as message:
            return _mail(request, message)

    def read(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(Message.objects.select_related("order"), pk=pk)
        self._let_in(request)
        with transaction.atomic():
            response = _mail(request, message)
            transaction.set_rollback(True)  # to read one makes no private link
        return response

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(Message.objects.select_related("order"), pk=pk)
        if not request.user.has_perm("checkout.change_message"):
            raise PermissionDenied
        if outbox.send_again(message):
            messages.success(request, f"{message.get_kind_display()}: it is sent once more.")
        else:
            messages.warning(request, f"{message.get_kind_display()}: it is on its way already.")
        back = request.META.get("HTTP_REFERER", "")
        is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
        return SeeOther(back if is_ours else reverse("admin:checkout_message_changelist"))

    def _let_in(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def say_how_it_stands(request: HttpRequest) -> None:
    """Say that no mail leaves, and of which nobody knows whether they did."""
    rows = Message.objects.all()
    waiting = rows.waiting().filter(is_demo=False)
    if not outbox.has_a_way() and (count := waiting.count()):
        words = "MAIL_URL is not set, so no mail is sent: {} wait here."
        messages.warning(request, words.format(_number(count)))
    if count := outbox.unsure(timezone.now()):
        words = "Of {} nobody knows whether they were sent. Send them again, or let them be."
        messages.error(request, words.format(_number(count)))


def _number(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"


def _mail(request: HttpRequest, message: Message) -> HttpResponse:
    """Answer with the mail as a page of its own, or with its plain text."""
    mail = outbox.mail_of(message)
    if request.GET.get("part") == "text":
        text = f"Subject: {mail.subject}\n\n{mail.text}"
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    return HttpResponse(mail.html, headers={"Content-Security-Policy": POLICY})
