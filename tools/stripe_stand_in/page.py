"""The hosted payment page: plain HTML, no scripts, nothing inline."""

from html import escape

from tools.stripe_stand_in.shapes import Json

THREE_DECIMALS = "bhd jod kwd omr tnd"
NO_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
DIGITS = {
    **dict.fromkeys(THREE_DECIMALS.split(), 3),
    **dict.fromkeys(NO_DECIMALS.split(), 0),
}
PROBLEMS = {
    "declined": "Your card was declined.",
    "email": "Your email is incomplete.",
    "code": "This code is invalid.",
    "address": "We can't ship to this country.",
}
ADDRESS = ("name", "line1", "line2", "postal_code", "city", "state", "country")
EMAIL = "ada@example.com"
CSS = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 34rem; margin: 0 auto; padding: 2rem 1rem; }
.note { border-inline-start: .25rem solid; padding-inline-start: .75rem; }
table { border-collapse: collapse; width: 100%; margin-block: 1rem; }
th, td { text-align: start; padding: .5rem 0; border-block-end: 1px solid; }
th:last-child, td:last-child { text-align: end; font-variant-numeric: tabular-nums; }
label, input { display: block; font: inherit; }
input { box-sizing: border-box; width: 100%; padding: .6rem; margin-block: .25rem 1rem; }
button { font: inherit; min-height: 2.75rem; padding: 0 1rem; margin: 0 .5rem .5rem 0; }
"""


def money(amount: int, currency: str) -> str:
    """The amount for people to read, with as many decimals as the currency has."""
    digits = DIGITS.get(currency, 2)
    return f"{amount / 10**digits:,.{digits}f} {currency.upper()}"


def payment_page(
    session: Json,
    lines: list[Json],
    rates: list[Json],
    *,
    problem: str = "",
    email: str = "",
    is_waiting: bool = False,
) -> str:
    """The page of a session: a form while it is open, a sentence once it isn't."""
    if session["status"] == "complete":
        return _complete(session, is_waiting)
    if session["status"] == "expired":
        message = "This page is no longer open. Nothing was charged."
        return _closed("This session has expired", message, _way_back(session))
    alert = f"<p class='note' role='alert'>{PROBLEMS[problem]}</p>" if problem in PROBLEMS else ""
    total = money(session["amount_total"], session["currency"])
    return _html(
        f"Pay {total}",
        f"{alert}{_table(session, lines)}{_form(session, rates, email)}{_way_back(session)}",
    )


def _complete(session: Json, is_waiting: bool) -> str:
    if not is_waiting:
        return _closed("This payment is complete", "You have already paid.", _way_on(session))
    # The real page has no such buttons; here the person who tests plays the bank.
    bank = _button("settle", "Let the bank pay") + _button("fail", "Let the bank refuse")
    message = "The bank was asked for the money. In real life, that takes days."
    form = f"<form method='post'>{bank}</form>"
    return _closed("This payment is on its way", message, form + _way_on(session))


def missing_page() -> str:
    """The page for a session that was never opened."""
    return _closed("Something went wrong", "There is no such payment page.", "")


def _table(session: Json, lines: list[Json]) -> str:
    rows = "".join(_row(line) for line in lines)
    total = money(session["amount_total"], session["currency"])
    return (
        "<table><thead><tr><th scope='col'>Item</th><th scope='col'>Quantity</th>"
        f"<th scope='col'>Amount</th></tr></thead><tbody>{rows}</tbody>"
        f"<tfoot>{_parts(session)}<tr><th scope='row' colspan='2'>Total</th>"
        f"<td>{total}</td></tr></tfoot></table>"
    )


def _row(line: Json) -> str:
    amount = money(line["amount_total"], line["currency"])
    return (
        f"<tr><td>{escape(line['description'])}</td><td>{line['quantity']}</td>"
        f"<td>{amount}</td></tr>"
    )


def _form(session: Json, rates: list[Json], email: str) -> str:
    address = escape(email or session["customer_email"] or EMAIL)
    return (
        "<form method='post'><label for='email'>Email</label>"
        f"<input id='email' name='email' type='email' autocomplete='email' value='{address}'"
        f" required>{_asked(session, rates)}{_buttons(session)}</form>"
    )


def _parts(session: Json) -> str:
    parts = session["total_details"]
    words = {"Discount": "amount_discount", "Delivery": "amount_shipping", "Tax": "amount_tax"}
    return "".join(
        f"<tr><th scope='row' colspan='2'>{word}</th>"
        f"<td>{money(parts[name], session['currency'])}</td></tr>"
        for word, name in words.items()
        if parts[name]
    )


def _asked(session: Json, rates: list[Json]) -> str:
    fields = ""
    if session["shipping_address_collection"]:
        for name in ADDRESS[:-1]:
            fields += _field(name, name.replace("_", " ").capitalize())
        countries = session["shipping_address_collection"]["allowed_countries"]
        options = "".join(f"<option>{country}</option>" for country in countries)
        fields += "<label for='country'>Country</label>"
        fields += f"<select id='country' name='country'>{options}</select>"
    if session["phone_number_collection"]["enabled"]:
        fields += _field("phone", "Phone")
    for place, rate in enumerate(rates):
        checked = " checked" if rate["id"] == session["shipping_cost"]["shipping_rate"] else ""
        amount = money(rate["amount"], session["currency"])
        fields += (
            f"<label><input type='radio' name='shipping' value='{place}'{checked}>"
            f"{escape(rate['name'])} {amount}</label>"
        )
    return fields + (_field("code", "Promotion code") if session["allow_promotion_codes"] else "")


def _field(name: str, label: str) -> str:
    return f"<label for='{name}'>{label}</label><input id='{name}' name='{name}'>"


def _buttons(session: Json) -> str:
    if session["amount_total"] == 0:
        return _button("pay", "Complete order")
    pay, later = _button("pay", "Pay"), _button("pay_later", "Pay later")
    return pay + later + _button("decline", "Decline")


def _button(action: str, label: str) -> str:
    return f"<button name='action' value='{action}'>{label}</button>"


def _way_back(session: Json) -> str:
    url = session["cancel_url"]
    return f"<p><a href='{escape(url)}'>Back</a></p>" if url else ""


def _way_on(session: Json) -> str:
    return f"<p><a href='{escape(return_url(session))}'>Continue to the shop</a></p>"


def return_url(session: Json) -> str:
    """Where the shopper goes after paying; the template word becomes the session's id."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _closed(title: str, message: str, link: str) -> str:
    return _html(title, f"<p>{message}</p>{link}")


def _html(title: str, content: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><link rel='stylesheet' href='/_stand_in/page.css'></head>"
        f"<body><main><h1>{escape(title)}</h1>"
        "<p class='note'>A stand-in for Stripe. No money moves here.</p>"
        f"{content}</main></body></html>"
    )
