"""The words of each mail, to shoppers and to the merchant."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime

from checkout import receipts
from checkout.bills import address_lines, bill_of, delivery_name, received_for, tax_to_come
from checkout.models import Message, Order, OrderItem
from checkout.my_orders import after_payment
from checkout.outbox import Mail
from merchant.letters import Button, Goods, Heading, Letter, Lines, Part, Words, one_line
from merchant.models import Parcel
from storefront.models import Shop, shop_zone
from storefront.money import format_money
from storefront.ops.pages import own_url

Kind = Message.Kind

IN_DEMO = "This is a demo shop: nothing was charged, and nothing is shipped."
SHOWN_DIFFERENCES = 20


def mail_of(message: Message) -> Mail:
    """Return the mail of a message, as its order is now, with times by the shop's clock."""
    with timezone.override(shop_zone()):
        return LETTERS[Kind(message.kind)](message).mail()


# To the shopper


def order_confirmed(message: Message) -> Letter:
    order = _order(message)
    at = f" on {_moment(order.paid_at)}" if order.paid_at else ""
    how = "in the demo" if message.is_demo else "through Stripe"
    is_sent = order.needs_shipping and not message.is_demo
    return _to_shopper(
        message,
        f"Order {order.reference} is confirmed",
        f"Thank you, order {order.reference} is paid",
        Words(f"You paid {_money(order.total_cents, order)}{at} {how}."),
        *([Words("We write again when it is on its way.")] if is_sent else []),
        *_bill(order),
        *_delivery(order, can_be_mended=True),
        *_texts(order),
        *_link(order),
    )


def order_processing(message: Message) -> Letter:
    order = _order(message)
    return _to_shopper(
        message,
        f"We wait for your bank: order {order.reference}",
        f"Your bank is paying order {order.reference}",
        Words(
            "We wait for your bank, which may take some days. You don’t need to pay again. We "
            "write again when the payment is here, or if your bank says no."
        ),
        *_bill(order),
        *_delivery(order),
        *_link(order),
    )


def payment_failed(message: Message) -> Letter:
    order = _order(message)
    shop = [Button("Go to the shop", own_url())] if own_url() else []
    return _to_shopper(
        message,
        f"Order {order.reference} could not be paid",
        f"Order {order.reference} could not be paid",
        Words(
            f"Your bank did not pay the {_money(order.total_cents, order)}. Nothing was charged, "
            "and nothing will be sent."
        ),
        Words(
            "If you still want it, please order again: in the browser that you ordered with, it "
            "is in your cart."
        ),
        *_bill(order),
        *shop,
    )


def order_shipped(message: Message) -> Letter:
    order = _order(message)
    parcel = Parcel.objects.get(pk=_about(message)["parcel"])
    known = [one_line(line) for line in (parcel.carrier, parcel.number) if line]
    follow: list[Part] = [Heading("Carrier and number"), Lines(known)] if known else []
    if parcel.url:
        follow.append(Button("Follow the parcel", parcel.url))
    return _to_shopper(
        message,
        f"Order {order.reference} is on its way",
        f"Order {order.reference} is on its way",
        Words(f"A parcel with your order left on {_moment(parcel.shipped_at)}."),
        *follow,
        *_delivery(order),
        Heading("What you ordered"),
        Goods([_row(item, order) for item in order.items.all()]),
        *_link(order),
    )


def order_refunded(message: Message) -> Letter:
    order = _order(message)
    amount = _money(_about(message).get("cents") or 0, order)
    received = received_for(order)
    if order.refunded_cents >= received:
        how_much = f"We paid {amount} back to you: with that, all of order {order.reference}."
    else:
        how_much = (
            f"We paid {amount} of order {order.reference} back to you: with that, "
            f"{_money(order.refunded_cents, order)} of {_money(received, order)}."
        )
    return _to_shopper(
        message,
        f"{amount} of order {order.reference} is refunded",
        f"{amount} is on its way back to you",
        Words(how_much),
        Words(
            "It goes the way that you paid. Banks take 5 to 10 days to show it; some take the "
            "payment off the statement instead."
        ),
        *_link(order),
    )


def order_link(message: Message) -> Letter:
    order = _order(message)
    return _to_shopper(
        message,
        f"The link to order {order.reference}",
        f"The link to order {order.reference}",
        Words("Somebody asked on our page for the link to this order, with your address."),
        Words("If it was not you, there is nothing to do: nobody but you got this mail."),
        *_link(order),
    )


# To the merchant


def new_order(message: Message) -> Letter:
    order = _order(message)
    contact = [line for line in (order.email, order.phone) if line]
    return _to_merchant(
        message,
        f"New order {order.reference}: {_money(order.total_cents, order)}",
        f"New order {order.reference}",
        *([Lines(contact)] if contact else []),
        *_bill(order),
        *_delivery(order),
        *_order_at_desk(order),
    )


def review(message: Message) -> Letter:
    order = _order(message)
    return _to_merchant(
        message,
        f"Order {order.reference} needs a look",
        f"Order {order.reference} needs a look",
        Words(str(_about(message).get("reason", ""))),
        Words("Until somebody has decided, nothing more happens to it by itself."),
        *_order_at_desk(order),
    )


def dispute(message: Message) -> Letter:
    order, about = _order(message), _about(message)
    due_by = about.get("due_by")
    until = _moment(datetime.fromisoformat(due_by)) if due_by else "the date that Stripe names"
    amount = _money(about.get("cents") or order.total_cents, order)
    return _to_merchant(
        message,
        f"Dispute about order {order.reference}: answer until {until}",
        f"The payment of order {order.reference} is disputed",
        Words(
            f"The shopper’s bank asks {amount} back. Answer in Stripe’s Dashboard until {until}: "
            "without an answer the money is lost."
        ),
        *_order_at_desk(order),
    )


def refund_failed(message: Message) -> Letter:
    order = _order(message)
    amount = _money(_about(message).get("cents") or 0, order)
    return _to_merchant(
        message,
        f"A refund of order {order.reference} has failed",
        f"A refund of {amount} has failed",
        Words(
            f"The bank did not take {amount} of order {order.reference}. The money is in your "
            "balance at Stripe again, and the shopper still waits for it: pay it another way."
        ),
        *([Lines([order.email])] if order.email else []),
        *_order_at_desk(order),
    )


def low_stock(message: Message) -> Letter:
    about = _about(message)
    name, left = one_line(str(about.get("name", ""))), about.get("left", 0)
    how_many = f"{left} left" if left else "none left"
    address = reverse("admin:storefront_product_change", args=[about.get("product") or 0])
    return _to_merchant(
        message,
        f"{name}: {how_many}",
        f"{name}: {how_many}",
        Words(f"A sale has left fewer than {settings.LOW_STOCK} of it. More are for you to order."),
        *_at_desk("Open the product", address),
    )


def books_differ(message: Message) -> Letter:
    words, *differences = str(_about(message).get("words", "")).split("; ")
    first, _, found = words.partition(": ")
    lines = [found, *differences][:SHOWN_DIFFERENCES]
    return _to_merchant(
        message,
        "The books and Stripe differ",
        "The books and Stripe differ",
        Words(f"The daily comparison says: {first}."),
        Lines([one_line(line) for line in lines if line]),
        Words("What to do about it is in docs/operating.md, under Books and Stripe."),
        *_at_desk("Open the orders", reverse("admin:checkout_order_changelist")),
    )


LETTERS: dict[Kind, Callable[[Message], Letter]] = {
    Kind.ORDER_CONFIRMED: order_confirmed,
    Kind.ORDER_PROCESSING: order_processing,
    Kind.ORDER_SHIPPED: order_shipped,
    Kind.ORDER_REFUNDED: order_refunded,
    Kind.PAYMENT_FAILED: payment_failed,
    Kind.ORDER_LINK: order_link,
    Kind.NEW_ORDER: new_order,
    Kind.REVIEW: review,
    Kind.DISPUTE: dispute,
    Kind.REFUND_FAILED: refund_failed,
    Kind.LOW_STOCK: low_stock,
    Kind.BOOKS_DIFFER: books_differ,
}


# What they are made of


def _to_shopper(message: Message, subject: str, title: str, *parts: Part) -> Letter:
    shop = Shop.current()
    foot = [f"{shop.shown_name} wrote this because of order {_order(message).reference}."]
    if _is_answered():
        foot.append("Is something wrong, or do you have a question? Just answer this mail.")
    foot += [line for line in (shop.returns, _imprint(shop)) if line]
    links = list(settings.SHOP_LINKS.items())
    if url := own_url():
        links.insert(0, ("Shop", url))
    demo = [Words(IN_DEMO)] if message.is_demo else []
    return Letter(f"{subject} · {shop.shown_name}", title, [*demo, *parts], foot, links)


def _is_answered() -> bool:
    return bool(settings.MERCHANT_MAIL or Shop.current().contact_mail)


def _imprint(shop: Shop) -> str:
    """Return who the merchant is by law, in one line."""
    if not (contact := shop.contact):
        return ""
    tax_id = f"Tax id {contact.tax_id}" if contact.tax_id else ""
    lines = [*contact.address, contact.phone, contact.mail, tax_id]
    return " · ".join(one_line(line) for line in lines if line)


def _to_merchant(message: Message, subject: str, title: str, *parts: Part) -> Letter:
    foot = ["Your shop wrote this to you, as MERCHANT_MAIL asks it to."]
    demo = [Words(IN_DEMO)] if message.is_demo else []
    return Letter(subject, title, [*demo, *parts], foot)


def _bill(order: Order) -> list[Part]:
    items = list(order.items.all())
    bill = bill_of(order, items)
    sums = {
        "Goods": 0 if bill.is_goods_alone else bill.goods_cents,
        "Discount": -bill.discount_cents,
        "Delivery": bill.delivery_cents,
        "Tax" if bill.is_tax_added else "Tax, within the total": bill.tax_cents,
    }
    shown = [(words, _money(cents, order)) for words, cents in sums.items() if cents]
    total = ("Total", _money(bill.total_cents, order))
    parts: list[Part] = [Goods([_row(item, order) for item in items], shown, total)]
    if tax_to_come(order) == "exclusive":
        parts.append(Words("Tax comes on top, as Stripe’s page showed it.", is_quiet=True))
    return parts


def _row(item: OrderItem, order: Order) -> tuple[str, str]:
    return f"{item.quantity} × {one_line(item.name)}", _money(item.amount_cents, order)


def _delivery(order: Order, *, can_be_mended: bool = False) -> list[Part]:
    """Return where it goes to, how, and how long that takes, as far as this is known."""
    if not order.needs_shipping:
        return []
    way: dict[str, Any] = next(iter((order.offer or {}).get("shipping") or ()), {})
    how = [one_line(delivery_name(order)), _days(way)]
    parts: list[Part] = []
    if words := ", ".join(filter(None, how)):
        parts += [Heading("Delivery"), Words(f"{words}.")]
    if lines := [one_line(line) for line in address_lines(order)]:
        parts += [Heading("Where it goes"), Lines(lines)]
        if can_be_mended and _is_answered():
            parts.append(Words("Is this wrong? Answer this mail soon.", is_quiet=True))
    return parts


def _days(way: dict[str, Any]) -> str:
    least, most = way.get("least"), way.get("most")
    if least and most and least != most:
        return f"usually {least} to {most} working days"
    if days := most or least:
        return f"usually {days} working day{'' if days == 1 else 's'}"
    return ""


def _texts(order: Order) -> list[Part]:
    """Return what the buyer alone gets to read, such as a licence."""
    texts = after_payment(order)
    return [part for name, text in texts for part in (Heading(one_line(name)), Words(text))]


def _link(order: Order) -> list[Part]:
    """Return the way to the order from any device; none where the shop has no address."""
    if not (url := own_url()):
        return []
    receipts.make_link(order)
    about = "Whoever has this link can see the order, and nothing else of yours."
    return [
        Button("See your order", url + receipts.address_of(order)),
        Words(about, is_quiet=True),
    ]


def _order_at_desk(order: Order) -> list[Part]:
    return _at_desk("Open the order", reverse("admin:checkout_order_change", args=[order.pk]))


def _at_desk(words: str, path: str) -> list[Part]:
    return [Button(words, own_url() + path)] if own_url() else []


def _order(message: Message) -> Order:
    if not message.order:
        raise ValueError(f"{message.key} is about no order.")
    return message.order


def _about(message: Message) -> dict[str, Any]:
    return message.about or {}


def _money(cents: int, order: Order) -> str:
    return format_money(cents, order.currency)


def _moment(at: datetime) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")
