"""A small server that plays Stripe: API, hosted page, signed and retried webhooks.

Nothing leaves this machine and no money moves. It answers as the API version that the installed
SDK pins, and refuses what that version refuses.
"""

from tests.stripe_stand_in.refusals import Refusal
from tests.stripe_stand_in.remote import RemoteStandIn
from tests.stripe_stand_in.stand_in import StandIn

__all__ = ["Refusal", "RemoteStandIn", "StandIn"]
