"""The hosted payment page: plain HTML, no scripts, nothing inline."""

from html import escape

from babel import Locale

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
    "amount_too_small": "This code leaves less than can be charged.",
    "address": "We can't ship to this country.",
}
# What the shopper would type; each name is the field's.
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "1 Example Street",
    "line2": "",
    "postal_code": "12345",
    "city": "Example",
    "state": "",
    "country": "",
}
EMAIL, PHONE = "ada@example.com", "+15550100"
OPTIONAL = ("line2", "state", "code")
CSS = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 34rem; margin: 0 auto; padding: 2rem 1rem; }
.note { border-inline-start: .25rem solid; padding-inline-start: .75rem; }
table { border-collapse: collapse; width: 100%; margin-block: 1rem; }
th, td { text-align: start; padding: .5rem 0; border-block-end: 1px solid; }
th:last-child, td:last-child { text-align: end; font-variant-numeric: tabular-nums; }
td:first-child { overflow-wrap: anywhere; }
fieldset { border: 1px solid; margin: 0 0 1rem; padding: .5rem .75rem; min-width: 0; }
label, input, select { display: block; font: inherit; }
input, select { box-sizing: border-box; width: 100%; padding: .6rem; margin-block: .25rem 1rem; }
fieldset label { display: flex; gap: .6rem; align-items: center; min-height: 2.75rem; }
input[type=radio] { flex: none; width: 1.25rem; height: 1.25rem; margin: 0; }
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
    said: dict[str, str],
    is_waiting: bool = False,
) -> str:
    """The page of a session: a form while it is open, a sentence once it isn't.

    `said` is what the shopper has filled in, and the `problem` with it.
    """
    if session["status"] == "complete":
        return _complete(session, is_waiting)
    if session["status"] == "expired":
        message = "This page is no longer open. Nothing was charged."
        return _closed("This session has expired", message, _way_back(session))
    problem = PROBLEMS.get(said.get("problem", ""))
    alert = f"<p class='note' role='alert'>{problem}</p>" if problem else ""
    total = money(session["amount_total"], session["currency"])
    return _html(
        f"Pay {total}",
        f"{alert}{_table(session, lines)}{_form(session, rates, said)}{_way_back(session)}",
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
        f"<tfoot>{_parts(session, lines)}<tr><th scope='row' colspan='2'>Total</th>"
        f"<td>{total}</td></tr></tfoot></table>"
    )


def _row(line: Json) -> str:
    amount = money(line["amount_subtotal"], line["currency"])
    return (
        f"<tr><td>{escape(line['description'])}</td><td>{line['quantity']}</td>"
        f"<td>{amount}</td></tr>"
    )


def _form(session: Json, rates: list[Json], said: dict[str, str]) -> str:
    email = _field("email", "Email", said, session["customer_email"] or EMAIL)
    return f"<form method='post'>{email}{_asked(session, rates, said)}{_buttons(session)}</form>"


def _parts(session: Json, lines: list[Json]) -> str:
    """What the total is made of, where that is more than the goods."""
    is_inside = any(line["price"]["tax_behavior"] == "inclusive" for line in lines)
    words = {
        "Discount": -session["total_details"]["amount_discount"],
        "Delivery": session["total_details"]["amount_shipping"],
        "Tax included" if is_inside else "Tax": session["total_details"]["amount_tax"],
    }
    rows = {word: amount for word, amount in words.items() if amount}
    if rows or session["shipping_cost"]:
        rows = {"Goods": session["amount_subtotal"], **rows}
    if session["shipping_cost"]:
        rows.setdefault("Delivery", 0)
    return "".join(
        f"<tr><th scope='row' colspan='2'>{word}</th>"
        f"<td>{money(amount, session['currency'])}</td></tr>"
        for word, amount in rows.items()
    )


def _asked(session: Json, rates: list[Json], said: dict[str, str]) -> str:
    fields = _address(session, said) if session["shipping_address_collection"] else ""
    if session["phone_number_collection"]["enabled"]:
        fields += _field("phone", "Phone", said, PHONE)
    if rates:
        ways = "".join(_way(session, place, rate) for place, rate in enumerate(rates))
        fields += f"<fieldset><legend>Delivery</legend>{ways}</fieldset>"
    if session["allow_promotion_codes"]:
        fields += _field("code", "Promotion code", said, "")
    changes = session["allow_promotion_codes"] or session["automatic_tax"]["enabled"]
    return fields + (_button("update", "Update total") if changes or len(rates) > 1 else "")


def _address(session: Json, said: dict[str, str]) -> str:
    countries = session["shipping_address_collection"]["allowed_countries"]
    names = Locale("en").territories
    options = "".join(
        f"<option value='{code}'{' selected' if code == said.get('country') else ''}>"
        f"{escape(names.get(code, code))}</option>"
        for code in countries
    )
    fields = [
        _field(name, name.replace("_", " ").capitalize(), said, made_up)
        for name, made_up in ADDRESS.items()
        if name != "country"
    ]
    select = f"<select id='country' name='country'>{options}</select>"
    return "".join([*fields, "<label for='country'>Country</label>", select])


def _way(session: Json, place: int, rate: Json) -> str:
    checked = " checked" if rate["id"] == session["shipping_cost"]["shipping_rate"] else ""
    amount = money(rate["fixed_amount"]["amount"], session["currency"])
    words = ", ".join(filter(None, [rate["display_name"], _estimate(rate), amount]))
    return (
        f"<label><input type='radio' name='shipping' value='{place}'{checked}>"
        f"<span>{escape(words)}</span></label>"
    )


def _estimate(rate: Json) -> str:
    estimate = rate["delivery_estimate"] or {}
    bounds = [estimate[name] for name in ("minimum", "maximum") if estimate.get(name)]
    return " to ".join(f"{bound['value']} {bound['unit'].replace('_', ' ')}s" for bound in bounds)


def _field(name: str, label: str, said: dict[str, str], made_up: str) -> str:
    kind = {"email": "email", "phone": "tel"}.get(name, "text")
    value = escape(said.get(name, made_up))
    required = "" if name in OPTIONAL else " required"
    return (
        f"<label for='{name}'>{label}</label>"
        f"<input id='{name}' name='{name}' type='{kind}' value='{value}'{required}>"
    )


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
