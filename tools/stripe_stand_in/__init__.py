"""A small server that plays Stripe: API, hosted page, signed and retried webhooks.

Nothing leaves this machine and no money moves. It answers as the API version that the installed
SDK pins, and refuses what that version refuses.

    with StandIn(webhook_url="http://127.0.0.1:8000/stripe/webhook/") as stripe_stand_in:
        ...  # the shop talks to stripe_stand_in.url
        stripe_stand_in.pay(session_id)
        stripe_stand_in.wait_until_quiet()

`python -m tools.stripe_stand_in` serves it alone; RemoteStandIn(url) steers it from elsewhere.
"""

from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.remote import RemoteStandIn
from tools.stripe_stand_in.stand_in import StandIn

__all__ = ["Refusal", "RemoteStandIn", "StandIn"]
