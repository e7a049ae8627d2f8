"""What the merchant can do about an order that needs a look, in words."""

PAY_BACK = "Refund what is too much, or settle it with the customer."

# What is said in the reason, and what to do then: the first that fits.
ADVICE = (
    (
        "another Checkout Session is the order's own",
        f"The customer may have paid twice: look up both payments at Stripe. {PAY_BACK}",
    ),
    (
        "the goods were gone",
        "Get the goods and ship them, or refund the payment and tell the customer.",
    ),
    ("without a whole address", "Ask the customer where to send it, before you ship it."),
    (
        "the address is in another country",
        "See whether you send there, and at which cost; else ask the customer, or refund.",
    ),
    (
        "did not work out the tax",
        "Look up the payment at Stripe, and see under Tax there what is missing.",
    ),
    ("was lost", "Nothing is left to answer. Don’t ship it, or ask for it back."),
    ("was prevented", "The money went back to the customer. Don’t ship it, or ask for it back."),
    ("in the end", "Ship it if it is not yet shipped: the money is yours."),
    (
        "of the other mode",
        "A test payment met a live order, or the other way round: see which keys each has.",
    ),
    ("another currency", f"Look up the payment at Stripe. {PAY_BACK}"),
    (
        "Brought back from Stripe",
        "Compare it with the payment at Stripe, and see whether it was shipped before.",
    ),
    ("News of pi_", f"It is of a payment beside the order’s own: look it up at Stripe. {PAY_BACK}"),
    (
        "Money arrived",
        f"Compare the payment at Stripe with the order before you ship anything. {PAY_BACK}",
    ),
)
OTHERWISE = f"Look up the payment at Stripe. {PAY_BACK}"


def reasons_and_advice(review_reason: str) -> list[tuple[str, str]]:
    """Return each reason to look with what to do about it."""
    reasons = [line for line in review_reason.splitlines() if line.strip()]
    return [(reason, _advice(reason)) for reason in reasons]


def _advice(reason: str) -> str:
    return next((advice for said, advice in ADVICE if said in reason), OTHERWISE)
