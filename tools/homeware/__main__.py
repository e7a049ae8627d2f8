"""`python -m tools.homeware 60`: put so many products with photographs on DATABASE_URL's shelf.

A shop for the home: categories, a mug in three glazes, a thing of which few are left and one that
is sold out. Pictures go the way of an upload.
"""

import argparse
import io
import os
from functools import cache
from typing import NamedTuple

import django

import tools.environment  # noqa: F401  (nothing of this machine's own gets in)
from tools.homeware.brush import OAK, Tint
from tools.homeware.studio import Photograph, studio, taken

os.environ["DJANGO_SETTINGS_MODULE"] = "storefront.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright has a loop, and nobody else is here
django.setup()

from storefront.models import Category, Product  # noqa: E402 (models want a Django that is set up)
from storefront.ops.photographs import developed  # noqa: E402
from storefront.pictures import add_pictures  # noqa: E402

CATEGORIES = ("Kitchen", "Table", "Light", "Living")
WHITE, SAGE = Tint(0.9, 0.02, 80), Tint(0.84, 0.03, 140)
ROSE, SKY = Tint(0.86, 0.035, 40), Tint(0.86, 0.025, 235)
GLAZES = (
    ("Sea", Tint(0.72, 0.06, 205)),
    ("Sand", Tint(0.84, 0.045, 80)),
    ("Night", Tint(0.4, 0.05, 265)),
)
DEAREST = "Night"
# Each dozen after the first is in other colours, and named after one of these.
SERIES = ("", "Dune", "Fjord", "Heath", "Harbour", "Orchard", "Granite", "Meadow")


class Ware(NamedTuple):
    name: str
    price_cents: int
    category: str
    thing: str
    tint: Tint
    wall: Tint
    shows: str
    words: str
    facts: tuple[str, ...]
    stock: int | None = None


WARES = (
    Ware("Stoneware mug", 1_990, "Kitchen", "mug", GLAZES[0][1], WHITE,
         "A mug, glazed down to a foot of bare clay",
         "Thrown by hand, with a foot of bare clay and a handle for three fingers.",
         ("Holds 320 ml", "Nine centimetres high", "Dishwasher and microwave")),
    Ware("Table lamp", 8_900, "Light", "lamp", Tint(0.5, 0.07, 165), WHITE,
         "A lit lamp with a green foot and a linen shade",
         "A glazed foot and a shade of linen that makes any corner a place to read.",
         ("46 cm high", "Bulb E27, up to 40 W", "Cord of 1.8 m with a switch")),
    Ware("Willow basket", 4_200, "Living", "basket", Tint(0.72, 0.08, 78), SAGE,
         "A wide basket of willow with two leather handles",
         "For bread, wool or firewood; the handles are of leather and carry it full.",
         ("38 cm across", "Woven from peeled willow", "Carries 12 kg"), 2),
    Ware("Teapot", 5_400, "Kitchen", "teapot", Tint(0.45, 0.06, 240), ROSE,
         "A round blue teapot with a wooden knob on its lid",
         "Round enough to keep a litre hot, with a spout that does not drip.",
         ("Holds one litre", "A strainer of steel is inside", "The knob is of oak")),
    Ware("Linen towels, set of four", 3_600, "Kitchen", "towel", Tint(0.45, 0.09, 250), WHITE,
         "Four folded towels of linen with blue stripes",
         "Half linen, half cotton: they dry glasses without a trace, and get softer each year.",
         ("50 by 70 cm each", "Wash at 60 °C", "A loop to hang them by")),
    Ware("Dinner plates, set of four", 7_200, "Table", "plate", Tint(0.9, 0.02, 90), SKY,
         "Four white plates with a thin brown rim, stacked",
         "White with a rim where the clay shows. They stack, and they go with what you have.",
         ("27 cm across", "Dishwasher and oven to 200 °C", "Chips are replaced for a year")),
    Ware("Vase", 3_800, "Living", "vase", Tint(0.58, 0.08, 38), SAGE,
         "A round vase of red clay with dried grasses",
         "A narrow neck for a few stems. Dried grasses stand in it all winter.",
         ("22 cm high", "Tight without a saucer", "The grasses are not part of it"), 40),
    Ware("Brass candlesticks, pair", 4_600, "Light", "candle", Tint(0.93, 0.03, 85), WHITE,
         "Two candles burning in low candlesticks of brass",
         "Low and heavy, so that nobody knocks them over. Brass darkens; that is meant.",
         ("For candles of 22 mm", "9 cm across", "With two candles of beeswax")),
    Ware("Oak boards, set of two", 5_900, "Kitchen", "board", OAK, SKY,
         "Two boards leaning at the wall, one of oak and one of walnut",
         "One of oak, one of walnut, oiled twice. Bread on one side, onions on the other.",
         ("38 by 24 and 26 by 18 cm", "Wash by hand", "Oil them now and then")),
    Ware("Notebooks, pair", 1_850, "Living", "notebook", Tint(0.45, 0.09, 30), WHITE,
         "Two notebooks bound in cloth, and a pencil",
         "Bound in cloth and sewn, so that they lie flat. One is ruled, one is blank.",
         ("A5, 160 pages each", "Paper of 100 g", "With a pencil")),
    Ware("Soap from olive oil", 950, "Living", "soap", Tint(0.86, 0.05, 130), ROSE,
         "Two bars of soap, sage and mint, on a speckled dish",
         "Cold-stirred from olive oil, with sage or with mint. Two bars last a family a month.",
         ("Two bars of 110 g", "No palm oil", "The dish is not part of it")),
    Ware("Wool blanket", 12_900, "Living", "blanket", Tint(0.68, 0.09, 55), SAGE,
         "A folded blanket of ochre wool with white stripes",
         "Woven in one mill from the wool of one valley. Warm, not heavy, and not for the machine.",
         ("140 by 200 cm", "All wool", "Air it instead of washing it"), 0),
)  # fmt: skip
MADE = (
    "We know who makes each of our things, and order no more than they can make well. If "
    "yours is not as you hoped, send it back within 30 days."
)


def fill(count: int, points: float) -> None:
    """Add `count` products, with photographs that are `points` times 1,200 wide."""
    categories = {
        name: Category.objects.get_or_create(name=name, position=position)[0]
        for position, name in enumerate(CATEGORIES)
    }
    with studio(points) as page:
        picture = cache(lambda photograph: developed(io.BytesIO(taken(page, photograph))))
        for position in range(count):
            ware = of_series(position)
            product = put_on_shelf(ware, position)
            product.categories.add(categories[ware.category])
            glazes = GLAZES if position == 0 else ()
            looks = [Photograph(ware.thing, tint, ware.wall) for _, tint in glazes]
            for (variant, _), look in zip(glazes, looks, strict=True):
                kind = put_on_shelf(ware, position, product, variant)
                near = picture(look._replace(nearer=1.6)), f"{ware.shows}, seen from nearer"
                add_pictures(kind, [(picture(look), ware.shows), near])
            looks = looks or [Photograph(ware.thing, ware.tint, ware.wall)]
            add_pictures(product, [(picture(look), ware.shows) for look in looks])


def of_series(position: int) -> Ware:
    number, place = divmod(position, len(WARES))
    ware = WARES[place]
    if number == 0:
        return ware
    light, chroma, hue = ware.tint
    tint = Tint(light, chroma + 0.01, (hue + 75 * number) % 360)
    name = f"{SERIES[number % len(SERIES)]} {ware.name[0].lower()}{ware.name[1:]}"
    return ware._replace(name=name, tint=tint, price_cents=ware.price_cents + 150 * number)


def put_on_shelf(
    ware: Ware, position: int, family: Product | None = None, variant: str = ""
) -> Product:
    facts = "\n".join(f"- {fact}" for fact in ware.facts)
    return Product.objects.create(
        name=ware.name,
        variant_of=family,
        variant=variant,
        price_cents=ware.price_cents + (500 if variant == DEAREST else 0),
        description="" if family else f"{ware.words}\n\n{MADE}\n\n{facts}",
        stock=ware.stock,
        position=position,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.homeware")
    parser.add_argument("count", type=int, nargs="?", default=len(WARES))
    parser.add_argument("--points", type=float, default=2)
    arguments = parser.parse_args()
    fill(arguments.count, arguments.points)


if __name__ == "__main__":
    main()
