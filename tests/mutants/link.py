"""Guards of the private link: one order, for those who have the address, until it is revoked."""

from tests.mutants.mutant import mutant

RECEIPTS, VIEWS, MODELS = "checkout/receipts.py", "checkout/views.py", "checkout/models.py"
LINK = "checkout/test_private_link"

MUTANTS = [
    mutant(
        "a private link needs no signature",
        (RECEIPTS, "_signer().unsign(token)", 'token.partition(".")[0]'),
        at=LINK,
    ),
    mutant(
        "anything the shop has signed is a private link",
        (RECEIPTS, 'Signer(salt="checkout.receipts", sep=".")', 'Signer(sep=".", salt="other")'),
        at=LINK,
    ),
    mutant(
        "a revoked link goes on",
        (RECEIPTS, ', link_nonce=content["nonce"])', ")"),
        at=LINK,
    ),
    mutant(
        "revoking does nothing",
        (MODELS, 'Order.objects.filter(pk=self.pk).update(link_nonce="")', "pass"),
        at=LINK,
    ),
    mutant(
        "a second click makes another link",
        (
            MODELS,
            'rows = Order.objects.filter(pk=self.pk, link_nonce="")',
            "rows = Order.objects.filter(pk=self.pk)",
        ),
        at=LINK,
    ),
    mutant(
        "anybody makes and revokes links",
        (
            VIEWS,
            "get_object_or_404(Order.objects.of(shopper_of(request)), pk=pk)",
            "get_object_or_404(Order, pk=pk)",
        ),
        at=LINK,
    ),
    mutant(
        "a private link lets pay",
        ("templates/checkout/_state.html", "{% if is_shared %}", "{% if False %}"),
        at=LINK,
    ),
    mutant(
        "a private link lets make links",
        ("templates/checkout/order.html", "{% if not is_shared %}", "{% if True %}"),
        at=LINK,
    ),
    mutant(
        "the next site hears of a private link",
        (VIEWS, 'answer["Referrer-Policy"] = "no-referrer"', "pass"),
        at=LINK,
    ),
    mutant(
        "a private link may be in search engines",
        (VIEWS, 'answer["X-Robots-Tag"] = "noindex"', "pass"),
        at=LINK,
    ),
]
