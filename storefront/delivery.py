"""Delivery: where the shop sends to, what that costs, and what the shopper has chosen.

Hosted Checkout can't change what delivery costs by the address, so the shopper chooses the
country before Buy, and Stripe is told that country and that price alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from storefront.countries import countries, country_name
from storefront.models import ShippingRate
from storefront.ops.compiled_queries import CompiledQuery

SALT = "storefront.delivery"
ONE_YEAR = 365 * 24 * 60 * 60

rates_on = CompiledQuery(lambda: ShippingRate.objects.on())


class NotDelivered(Exception):
    """It can't be delivered so; the text says what the shopper can do."""


@dataclass(frozen=True)
class Choice:
    """What a shopper chose, by the country's code and the rate's number; nothing is unchosen."""

    country: str = ""
    rate: int = 0


UNCHOSEN = Choice()


@dataclass(frozen=True)
class Way:
    """One way to have the goods delivered, and what it costs with them, in minor units."""

    rate: ShippingRate
    cents: int


@dataclass(frozen=True)
class Delivery:
    """How goods that come to `goods_cents` get to the shopper, and what else could be chosen.

    `countries` are the names by their codes of where the shop delivers to.
    """

    goods_cents: int
    countries: Mapping[str, str]
    country: str
    ways: Sequence[Way]
    chosen: Way

    @property
    def country_name(self) -> str:
        return self.countries[self.country]

    @property
    def cents(self) -> int:
        return self.chosen.cents

    @property
    def cents_to_free(self) -> int:
        """How much more of goods makes the chosen way free; 0 if nothing does, or it is."""
        free_from = self.chosen.rate.free_from_cents
        return max(0, free_from - self.goods_cents) if free_from is not None else 0


def quote(goods_cents: int, choice: Choice = UNCHOSEN) -> Delivery | None:
    """Return how the goods are delivered; None if the shop has no rates.

    What the shop doesn't deliver by any more counts as unchosen: then it is the first country
    by position, and its first rate.
    """
    rates = rates_on()
    if not rates:
        return None
    served = _served(rates)
    country = choice.country if choice.country in served else _first(rates, served)
    ways = [Way(rate, rate.cents_for(goods_cents)) for rate in _rates_to(country, rates)]
    chosen = next((way for way in ways if way.rate.pk == choice.rate), ways[0])
    return Delivery(goods_cents, served, country, ways, chosen)


def choose(goods_cents: int, choice: Choice) -> Delivery | None:
    """Return how the goods are delivered as chosen; what is left open has to be the only one.

    Raises NotDelivered.
    """
    delivery = quote(goods_cents, choice)
    if delivery is None:
        return None
    if choice.country not in delivery.countries and (choice.country or len(delivery.countries) > 1):
        raise NotDelivered(
            f"We don’t ship to {country_name(choice.country)}. Choose another country."
            if choice.country
            else "Please choose the country to ship to."
        )
    if choice.rate != delivery.chosen.rate.pk and (choice.rate or len(delivery.ways) > 1):
        raise NotDelivered(
            f"This delivery is not possible to {delivery.country_name}. Please choose again."
            if choice.rate
            else "Please choose one of the ways of delivery."
        )
    return delivery


def choice_of(request: HttpRequest) -> Choice:
    """Return what the shopper chose earlier; nothing for a cookie that the shop didn't sign."""
    try:
        return Choice(*signing.loads(request.COOKIES[settings.DELIVERY_COOKIE_NAME], salt=SALT))
    except (KeyError, TypeError, signing.BadSignature):
        return UNCHOSEN


def remember_choice[Response: HttpResponseBase](response: Response, choice: Choice) -> Response:
    """Let the browser keep the choice for a year from now."""
    response.set_cookie(
        settings.DELIVERY_COOKIE_NAME,
        signing.dumps([choice.country, choice.rate], salt=SALT),
        max_age=ONE_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _served(rates: Sequence[ShippingRate]) -> dict[str, str]:
    """Return where the rates lead to: what they name, in their order, then everywhere else."""
    known = countries()
    served = {code: known[code] for rate in rates for code in rate.codes if code in known}
    return served | known if any(rate.is_everywhere for rate in rates) else served


def _first(rates: Sequence[ShippingRate], served: Mapping[str, str]) -> str:
    """Return the country of the first rate; where that leads anywhere, the currency's own."""
    if not rates[0].is_everywhere:
        return next(iter(served))
    named = {code for rate in rates for code in rate.codes}
    own = settings.CURRENCY[:2].upper()
    anywhere = [code for code in served if code not in named]
    return own if own in anywhere else anywhere[0]


def _rates_to(country: str, rates: Sequence[ShippingRate]) -> list[ShippingRate]:
    named = [rate for rate in rates if country in rate.codes]
    return named or [rate for rate in rates if rate.is_everywhere]
