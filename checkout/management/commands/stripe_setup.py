"""Makes or mends the shop's webhook endpoint at Stripe, and rolls its secret without a gap.

It asks for a key that may write endpoints, so that the shop's own need not; that key is neither
stored nor logged. What is printed to standard output is one line for the shop's environment.
"""

import getpass
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from checkout.doctor import endpoint
from checkout.gateway import accounts, failures
from checkout.reading import Json
from storefront import stripe_keys
from storefront.ops import environment
from storefront.ops.pages import own_url

NAME = "STRIPE_WEBHOOK_SECRET"


class Command(BaseCommand):
    help = (
        "Makes the shop's webhook endpoint at Stripe, or mends it: its events, and that it is on. "
        "Asks for a key that may write webhook endpoints, and does not keep it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        roll = parser.add_mutually_exclusive_group()
        roll.add_argument(
            "--roll", action="store_true", help="make a second endpoint, with a new secret"
        )
        roll.add_argument(
            "--finish",
            action="store_true",
            help="delete the older one, once the shop has the new secret",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._url = self._own_address()
        self._key = self._typed_key()
        try:
            self._compare_accounts()
            there = accounts.endpoints(self._key)
            ours = endpoint.at_ours(there)
            if options["finish"]:
                self._finish(ours)
            elif not ours:
                self._tell_near_misses(there)
                self._make(there, settings.STRIPE_WEBHOOK_SECRET if options["roll"] else "")
            elif options["roll"]:
                self._roll(there, ours)
            else:
                self._mend(ours)
        except failures.StripeFailed as failure:
            raise CommandError(_words(failure)) from failure

    def _say(self, words: str) -> None:
        """Say it beside the output, and not in the red of an error."""
        self.stderr.write(words, style_func=str)

    def _own_address(self) -> str:
        if settings.STRIPE_DEMO_MODE:
            raise CommandError("The shop has no Stripe keys. Set both first, and run this again.")
        if not (url := endpoint.address()):
            raise CommandError("Set SITE_URL first: Stripe has to know where the shop is.")
        return url

    def _typed_key(self) -> str:
        """Ask for a key of the shop's mode. It is no argument: all can read a command line."""
        mode = "live" if settings.STRIPE_LIVE_MODE else "test"
        self._say(
            f"This needs a key of the shop's account, in {mode} mode, that may write Webhook "
            "Endpoints: a secret key, or a restricted one for this alone. It is not kept."
        )
        try:
            key = getpass.getpass("Key: ").strip()
        except EOFError:
            raise CommandError("No key was typed. Run this in a terminal.") from None
        environment.hide(key)
        if not stripe_keys.SECRET_KEY.fullmatch(key):
            raise CommandError("That is no secret key: it begins with sk_ or rk_. Copy all of it.")
        if key.startswith(stripe_keys.LIVE_KEYS) != settings.STRIPE_LIVE_MODE:
            raise CommandError(f"The shop's keys are of {mode} mode, and this one is not.")
        return key

    def _compare_accounts(self) -> None:
        """Refuse a key of another account: its secret would never fit."""
        shops, typed = _account_of(""), _account_of(self._key)
        if not (shops and typed):
            raise CommandError(
                f"Stripe does not say which account {'the typed' if shops else 'the shop’s'} key "
                "belongs to. Use one that may read the account, such as a secret key."
            )
        if shops != typed:
            raise CommandError(
                f"The typed key is of another account ({typed}) than the shop's ({shops}). "
                "Nothing was changed."
            )

    def _tell_near_misses(self, there: Sequence[Json]) -> None:
        if near := endpoint.near_misses(there):
            self._say(f"Left as they are, for they have other addresses: {', '.join(near)}")

    def _make(self, there: Sequence[Json], old_secrets: str) -> None:
        if len(there) >= endpoint.MOST:
            raise CommandError(
                f"The account has {len(there)} webhook endpoints, and Stripe takes no more. "
                "Delete one that nobody needs, in Stripe's dashboard."
            )
        told = {"storefront": own_url()}
        made = accounts.add_endpoint(self._key, self._url, endpoint.EVENTS, told)
        secret = str(made["secret"])
        environment.hide(secret)
        # Said first: whatever fails later, it can't be asked for again.
        self.stdout.write(f"{NAME}={','.join(filter(None, [secret, old_secrets]))}")
        digest = {endpoint.DIGEST: endpoint.digest(secret)}
        accounts.change_endpoint(self._key, made["id"], metadata=digest)
        self._say(
            f"Stripe sends {len(endpoint.EVENTS)} kinds of events to {self._url} from now on. Set "
            "the line above in the shop's environment, and restart it."
        )

    def _roll(self, there: Sequence[Json], ours: Sequence[Json]) -> None:
        if len(ours) > 1:
            raise CommandError(
                f"{len(ours)} endpoints have the shop's address already. Run this with --finish."
            )
        self._make(there, settings.STRIPE_WEBHOOK_SECRET)
        self._say(
            "Until then both endpoints send, and what the old one signs is believed. Once all "
            "servers have both secrets, run this with --finish, which deletes the old one."
        )

    def _finish(self, ours: Sequence[Json]) -> None:
        if len(ours) < 2:
            self._say("There is nothing to finish: no second endpoint has the address.")
            return
        new, *old = ours
        if not (secret := endpoint.known_secret(new)):
            raise CommandError(
                f"The secret of the newest endpoint ({new['id']}) is not in {NAME}, as far as can "
                "be seen from here, so nothing was deleted: the shop would believe no event. Set "
                "the line that --roll printed. If that is lost, or the endpoint was made by hand, "
                "delete the newest in Stripe's dashboard and run --roll again."
            )
        if problems := endpoint.faults(new):
            raise CommandError(
                f"The newest endpoint ({new['id']}) is not complete: {'; '.join(problems)}. "
                "Nothing was deleted. Run this without --finish, which mends it."
            )
        for each in old:
            accounts.remove_endpoint(self._key, each["id"])
        self.stdout.write(f"{NAME}={secret}")
        self._say(
            f"Deleted {', '.join(each['id'] for each in old)}. The line above is all that the "
            "shop needs now."
        )

    def _mend(self, ours: Sequence[Json]) -> None:
        for each in ours:
            self._mend_one(each)
        if len(ours) > 1:
            self._say(
                f"{len(ours)} endpoints have the shop's address, so each event comes as often, "
                "which does no harm. If a secret is being rolled, run this with --finish."
            )

    def _mend_one(self, each: Json) -> None:
        changes: dict[str, Any] = {}
        if missing := endpoint.missing_events(each):
            changes["enabled_events"] = [*each["enabled_events"], *missing]
        if each["status"] != "enabled":
            changes["disabled"] = False
        if changes:
            accounts.change_endpoint(self._key, each["id"], **changes)
        done = [
            f"added {', '.join(missing)}" if missing else "",
            "switched on" if "disabled" in changes else "",
        ]
        said = "; ".join(filter(None, done)) or "nothing to mend"
        self._say(f"{each['url']} ({each['id']}): {said}.")
        version = each["api_version"] or accounts.API_VERSION
        if version != accounts.API_VERSION:
            self._say(
                f"It sends API version {version}, which Stripe changes for none; the shop is made "
                f"for {accounts.API_VERSION}. A new endpoint does: run this with --roll."
            )
        elif endpoint.is_secret_wrong(each):
            self._say(
                f"{NAME} is not this endpoint's. Stripe's dashboard shows it; or run this with "
                "--roll, for a new one."
            )


def _account_of(key: str) -> str:
    """Return the id of a key's account, which a refusal names as well; nothing if unknown.

    Raises failures.StripeDown.
    """
    try:
        return str(accounts.current(key)["id"])
    except failures.WrongKey as failure:
        whose = "typed key" if key else "shop's own key"
        raise CommandError(f"Stripe does not know the {whose} ({failure}).") from failure
    except failures.NotAllowed as refusal:
        return refusal.account


def _words(failure: failures.StripeFailed) -> str:
    if isinstance(failure, failures.NotAllowed):
        return f"The typed key may not do this ({failure}). Let it write Webhook Endpoints."
    if isinstance(failure, failures.AskedTooOften):
        return "Stripe is asked too much at the moment. Run this again in a minute."
    if isinstance(failure, failures.StripeDown):
        return (
            f"Stripe did not answer ({failure}). Run this again: it looks first at what is there."
        )
    return (
        f"Stripe refuses this: {failure}. It takes addresses only that it can reach: on your own "
        "machine use `stripe listen`."
    )
