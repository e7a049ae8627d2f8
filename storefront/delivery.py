"""Delivery: where the shop sends to, what that costs, and what the shopper has chosen.

Hosted Checkout can't change what delivery costs by the address, so the shopper chooses the
country before Buy, and Stripe is told that country and that price alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babel.core import get_global
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from storefront.countries import countries, country_name
from storefront.models import ShippingRate, shop_zone
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.templatetags.fragment_cache import values_of

SALT = "storefront.delivery"
ONE_YEAR = 365 * 24 * 60 * 60
LONGEST_CODE = 20
"""So much of what came as a country is looked at, and said again."""
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

rates_on = CompiledQuery(lambda: ShippingRate.objects.on())


class NotDelivered(Exception):
    """It can't be delivered so; the text says what the shopper can do."""


@dataclass(frozen=True)
class Choice:
    """What a shopper chose, by the country's code and the rate's number; nothing is unchosen."""

    country: str = ""
    rate: int = 0


UNCHOSEN = Choice()


class Countries(dict[str, str]):
    """Names by their codes."""

    @property
    def cache_key(self) -> tuple[str, ...]:
        return tuple(self)


@dataclass(frozen=True)
class Way:
    """One way to have the goods delivered, and what it costs with them, in minor units."""

    rate: ShippingRate
    cents: int


@dataclass(frozen=True)
class Delivery:
    """How goods that come to `goods_cents` get to the shopper, and what else could be chosen.

    `countries` are where the shop delivers to.
    """

    goods_cents: int
    countries: Countries
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
        return free_from - self.goods_cents if free_from and self.cents else 0

    @property
    def is_choice(self) -> bool:
        """Whether there is something to choose."""
        return len(self.countries) > 1 or len(self.ways) > 1

    @property
    def has_note(self) -> bool:
        """Whether there may be more to say than what it costs; its room is kept."""
        return len(self.ways) == 1 or self.free_from_cents is not None

    @property
    def cheapest(self) -> ShippingRate:
        """What costs least; to fetch it oneself is free, but says nothing of a delivery."""
        rates = [way.rate for way in self.ways]
        paid = [rate for rate in rates if rate.amount_cents]
        return min(paid or rates, key=lambda rate: rate.amount_cents)

    @property
    def free_from_cents(self) -> int | None:
        """The least that goods have to come to for a way that is free then."""
        limits = [way.rate.free_from_cents for way in self.ways if way.rate.amount_cents]
        return min((cents for cents in limits if cents is not None), default=None)

    @property
    def cache_key(self) -> tuple[object, ...]:
        """All that is shown of it but for what the goods come to."""
        ways = tuple((values_of(way.rate), way.cents) for way in self.ways)
        return self.country, ways, self.chosen.rate.pk


def quote(goods_cents: int, choice: Choice = UNCHOSEN) -> Delivery | None:
    """Return how the goods are delivered; None if the shop has no rates.

    What the shop doesn't deliver by any more counts as unchosen: then it is the first country
    by position, and its first rate.
    """
    rates = rates_on()
    served = _served(rates)
    if not served:
        return None
    country = choice.country if choice.country in served else _first(rates, served)
    ways = [Way(rate, rate.cents_for(goods_cents)) for rate in _rates_to(country, rates)]
    chosen = next((way for way in ways if way.rate.pk == choice.rate), ways[0])
    return Delivery(goods_cents, served, country, ways, chosen)


def choose(goods_cents: int, choice: Choice) -> Delivery | None:
    """Return how the goods are delivered as chosen; what is left open has to be the only one.

    Raises NotDelivered.
    """
    delivery = quote(goods_cents, choice)
    if delivery:
        _refuse_another(delivery, choice)
    return delivery


def chosen_in(form: Mapping[str, str], before: Choice) -> Choice:
    """Return what the form chooses; a country alone keeps the way if that leads there too.

    Raises NotDelivered, also for a way that leads to another country than the form's.
    """
    country = form.get("country", "").strip()[:LONGEST_CODE].upper()
    typed = form.get("delivery", "").strip()
    rate = (int(typed) if NUMBER.fullmatch(typed) else -1) if typed else before.rate
    delivery = quote(0, Choice(country or before.country, rate))
    if delivery is None:
        return before
    chosen = rate if typed else delivery.chosen.rate.pk
    choice = Choice(country or delivery.country, chosen)
    _refuse_another(delivery, choice)
    return choice


def _refuse_another(delivery: Delivery, choice: Choice) -> None:
    """Raise NotDelivered if the choice is another one than what the quote has made of it."""
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


def _served(rates: Sequence[ShippingRate]) -> Countries:
    """Return where the rates lead to: what they name, in their order, then everywhere else."""
    known = countries()
    served = {code: known[code] for rate in rates for code in rate.codes if code in known}
    return Countries(served | known if any(rate.is_everywhere for rate in rates) else served)


def _first(rates: Sequence[ShippingRate], served: Mapping[str, str]) -> str:
    """Return the country of the first rate; where that leads anywhere, the shop's own.

    That is the one of its currency or, where several have that, of its clock.
    """
    first = next(iter(served))
    if not rates[0].is_everywhere:
        return first
    named = {code for rate in rates for code in rate.codes}
    anywhere = [code for code in served if code not in named]
    zones: Mapping[str, str] = get_global("zone_territories")
    own = [settings.CURRENCY[:2].upper(), zones.get(str(shop_zone()))]
    return next((code for code in [*own, *anywhere] if code in anywhere), first)


def _rates_to(country: str, rates: Sequence[ShippingRate]) -> list[ShippingRate]:
    named = [rate for rate in rates if country in rate.codes]
    return named or [rate for rate in rates if rate.is_everywhere]
