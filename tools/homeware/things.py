"""The things that stand on the table, each a drawing around the point where it stands."""

import math

from tools.homeware.brush import (
    BRASS,
    CLAY,
    CREAM,
    INK,
    OAK,
    TILT,
    Tint,
    box,
    line,
    oval,
    shadow,
    shape,
    turned,
)


def mug(x: float, y: float, tint: Tint) -> str:
    handle = f"M{x + 175} {y - 295}C{x + 350} {y - 330} {x + 345} {y - 80} {x + 165} {y - 95}"
    profile = [(190.0, 380.0), (192, 300), (193, 180), (186, 70), (160, 12), (150, 0)]
    raw = [(189.0, 92.0), (180, 50), (160, 12), (150, 0)]
    return (
        shadow(x, y, 170, 380)
        + line(handle, 50, tint.by(-0.12))
        + line(handle, 34, tint.by(-0.02))
        + line(handle, 9, tint.by(0.12, 0.6), 'transform="translate(-7 -10)"')
        + turned(x, y, profile, tint, "specks")
        + turned(x, y, raw, CLAY, "specks", hollow=False).replace(shadow(x, y, 150, 92), "")
        + oval(x, y - 372, 172, "oklch(.3 .05 55)")
        + oval(x - 50, y - 376, 60, "oklch(.6 .06 60 / .5)", more='filter="url(#edge)"')
    )


def plate(x: float, y: float, tint: Tint) -> str:
    def one(y: float) -> str:
        return (
            turned(x, y, [(430.0, 44.0), (400, 26), (300, 4), (230, 0)], tint, hollow=False)
            + oval(x, y - 44, 430, tint.by(0.04))
            + oval(x, y - 40, 424, "url(#flat)")
            + oval(x, y - 38, 310, tint.by(-0.09, 0.7), more='filter="url(#edge)"')
            + oval(x + 8, y - 33, 296, tint.by(0.02))
            + oval(x - 90, y - 40, 150, tint.by(0.1, 0.6), more='filter="url(#far)"')
            + f'<ellipse cx="{x}" cy="{y - 44}" rx="428" ry="72" fill="none" '
            f'stroke="{CLAY.by(-0.1, 0.8)}" stroke-width="4"/>'
        )

    return "".join(one(y - 40 * storey) for storey in range(4))


def vase(x: float, y: float, tint: Tint) -> str:
    profile = [
        (58.0, 440.0),
        (48, 410),
        (46, 360),
        (80, 310),
        (180, 230),
        (204, 140),
        (170, 45),
        (110, 0),
    ]
    stems = ""
    for number, (lean, height) in enumerate(
        [(-190, 290), (-90, 380), (40, 430), (140, 340), (230, 240)]
    ):
        tip = (x + lean, y - 440 - height)
        stems += line(
            f"M{x + lean / 12} {y - 430}Q{x + lean / 8} {y - 600} {tip[0]} {tip[1]}",
            4,
            Tint(0.52, 0.06, 100).by(-0.04),
        )
        for step in range(13):
            part = 0.28 + step * 0.06
            near, far = (1 - part) ** 2, part**2
            middle = 2 * part * (1 - part)
            px = near * (x + lean / 12) + middle * (x + lean / 8) + far * tip[0]
            py = near * (y - 430) + middle * (y - 600) + far * tip[1]
            side = 1 if (step + number) % 2 else -1
            turn = math.degrees(math.atan2(lean, height)) + side * 42
            ear = Tint(0.72, 0.08, 85).by(0.05 * (step % 3) - 0.05 * (number % 2))
            stems += (
                f'<ellipse cx="{px:.0f}" cy="{py - 18:.0f}" rx="7" ry="{26 - step}" fill="{ear}" '
                f'transform="rotate({turn:.0f} {px:.0f} {py:.0f})"/>'
            )
    return turned(x, y, profile, tint, "specks") + stems


def candle(x: float, y: float, tint: Tint) -> str:
    def one(x: float, y: float, height: float) -> str:
        wax = [(38.0, height), (39, height / 2), (40, 50.0)]
        foot = [(46.0, 70.0), (44, 40), (60, 22), (124, 14), (128, 0)]
        tip = y - height
        flame = f"M{x} {tip - 150}C{x + 40} {tip - 80} {x + 34} {tip - 30} {x} {tip - 28}"
        flame += f"C{x - 34} {tip - 30} {x - 30} {tip - 80} {x} {tip - 150}z"
        return (
            shadow(x, y, 120, height * 0.7)
            + turned(x, y, foot, BRASS, hollow=False)
            + turned(x, y, wax, tint, hollow=False)
            + oval(x, tip, 38, tint.by(0.06))
            + line(f"M{x} {tip}v-36", 5, INK.by(0))
            + oval(x, tip - 80, 330, "url(#glow)", tilt=1)
            + shape(flame, "oklch(.93 .13 85)", more='filter="url(#edge)"')
            + oval(x, tip - 62, 15, "oklch(.99 .04 90)", tilt=2.2, more='filter="url(#edge)"')
        )

    return one(x + 110, y - 40, 560) + one(x - 120, y + 30, 400)


def folded(
    x: float, y: float, tint: Tint, texture: str, layers: int, thick: float, size: float
) -> str:
    """Cloth, folded into a stack; the round edge of each fold is to the front."""
    parts = shadow(x, y - 12, size * 0.98, thick * layers, 0.05)
    for layer in range(layers):
        wide = size - 9 * (layer % 2) - 5 * layer
        top = y - thick * (layer + 1)
        shift = 8 * math.sin(layer * 2.1)
        path = box(x - wide + shift, top, 2 * wide, thick, thick / 2.05)
        parts += shape(path, tint.by(-0.02 * (layer % 2)), texture, "url(#low)", "url(#flat)")
    top, left, right = y - thick * layers, x - size, x + size
    far = top - size * TILT * 0.9
    cloth = (
        f"M{left + 70} {far}H{right - 150}"
        f"C{right - 70} {far} {right - 30} {top + 8} {right - 44} {top + thick / 2}"
        f"H{left + 40}C{left + 10} {top} {left + 40} {far} {left + 70} {far}z"
    )
    return parts + shape(cloth, tint.by(0.05), texture, "url(#flat)")


def stripes(x: float, y: float, colour: Tint, layers: int, thick: float, *places: float) -> str:
    """Woven into folded cloth, so they bend with it."""
    drawn, top = "", y - thick * layers
    for number, place in enumerate(places):
        wide = 22 if number in (0, len(places) - 1) else 10
        bend = (
            f"M{x + place * 0.93 + 14} {top - 56}C{x + place} {top} {x + place} {top} {x + place}"
        )
        drawn += line(f"{bend} {top + thick - 12}", wide, colour.by(0, 0.85))
        for layer in range(layers - 1):
            drawn += line(
                f"M{x + place} {y - thick * layer - 15}v{28 - thick}", wide, colour.by(0, 0.6)
            )
    return drawn


def towel(x: float, y: float, tint: Tint) -> str:
    return folded(x, y, CREAM, "weave", 4, 74, 400) + stripes(
        x, y, tint, 4, 74, -250, -214, 190, 226
    )


def blanket(x: float, y: float, tint: Tint) -> str:
    return folded(x, y, tint, "knit", 3, 112, 400) + stripes(
        x, y, CREAM, 3, 112, 150, 190, 226, 266
    )


def board(x: float, y: float, tint: Tint) -> str:
    x += 30
    wood = box(x - 250, y - 640, 500, 640, 46) + box(x - 62, y - 820, 124, 230, 58)
    hole = f"M{x - 24} {y - 760}a24 24 0 1 0 48 0a24 24 0 1 0 -48 0z"
    small = box(x - 400, y - 420, 330, 440, 40)
    dark = Tint(tint.light - 0.16, tint.chroma, tint.hue - 12)
    return (
        shape(wood, INK.by(-0.1, 0.4), more='transform="translate(60 -10)" filter="url(#far)"')
        + shadow(x, y - 10, 250, 200, 0.06)
        + shape(wood, tint.by(-0.2), more='transform="translate(9 3)"')
        + shape(wood, tint.by(0.03), "wood", "url(#flat)", "url(#low)")
        + shape(hole, INK.by(0.05))
        + shape(small, INK.by(-0.1, 0.5), more='transform="translate(26 -4)" filter="url(#far)"')
        + shadow(x - 235, y + 10, 160, 60, 0.07)
        + shape(small, dark.by(-0.15), more='transform="translate(7 3)"')
        + shape(small, dark.by(0), "wood", "url(#flat)", "url(#low)")
    )


def lamp(x: float, y: float, tint: Tint) -> str:
    foot = [(26.0, 380.0), (24, 330), (40, 290), (120, 210), (150, 130), (124, 40), (90, 0)]
    shade = [(150.0, 760.0), (205, 600), (262, 380)]
    return (
        oval(x, y - 500, 760, "url(#glow)", tilt=0.9)
        + oval(x - 20, y + 20, 420, "oklch(.93 .1 80 / .5)", more='filter="url(#softer)"')
        + turned(x, y, foot, tint, "specks", hollow=False)
        + turned(x, y, shade, Tint(0.94, 0.06, 82), "weave", hollow=False)
        + oval(x, y - 560, 200, "oklch(.99 .05 88 / .75)", tilt=0.8, more='filter="url(#softer)"')
        + oval(x, y - 760, 150, "oklch(.98 .05 85)")
        + oval(x, y - 757, 140, "oklch(.86 .09 75)")
    )


def basket(x: float, y: float, tint: Tint) -> str:
    profile = [(330.0, 330.0), (326, 250), (304, 120), (270, 26), (262, 0)]
    weave = ""
    for row in range(14):
        height = 12 + row * 23
        radius = 262 + 70 * (1 - (1 - height / 340) ** 1.8)
        for column in range(-9, 10):
            angle = (column + 0.5 * (row % 2)) / 9.6 * math.pi / 2
            wide = radius * math.cos(angle) * 0.075
            px = x + radius * math.sin(angle) * 0.985
            py = y - height + radius * TILT * math.cos(angle)
            light = 0.1 - 0.11 * math.sin(angle) + 0.03 * ((row * 7 + column * 5) % 3)
            weave += (
                f'<rect x="{px - wide:.0f}" y="{py - 10:.0f}" width="{2 * wide:.0f}" height="18" '
                f'rx="8" fill="{tint.by(light)}"/>'
            )
    handles = "".join(
        line(
            f"M{px - 66} {y - 300}C{px - 66} {y - 450} {px + 66} {y - 450} {px + 66} {y - 300}",
            wide,
            colour,
        )
        for px in (x - 245, x + 245)
        for wide, colour in ((26, INK.by(0.1)), (15, Tint(0.5, 0.09, 50).by(0.05)))
    )
    rim = f'<ellipse cx="{x}" cy="{y - 330}" rx="326" ry="56" fill="none" stroke-width="20" stroke='
    return (
        turned(x, y, profile, Tint(tint.light - 0.2, tint.chroma, tint.hue))
        + weave
        + rim
        + f'"{tint.by(-0.12)}"/>'
        + rim
        + f'"{tint.by(0.05)}" stroke-dasharray="26 9"/>'
        + handles
    )


def notebook(x: float, y: float, tint: Tint) -> str:
    def one(x: float, y: float, tint: Tint, size: float) -> str:
        front = f"M{x - size} {y - 52}L{x + size * 0.7} {y - 20}v-44L{x - size} {y - 96}z"
        side = (
            f"M{x + size * 0.7} {y - 20}L{x + size * 1.12} {y - 150}v-44L{x + size * 0.7} {y - 64}z"
        )
        top = (
            f"M{x - size} {y - 100}L{x + size * 0.7} {y - 68}"
            f"L{x + size * 1.12} {y - 198}L{x - size * 0.46} {y - 222}z"
        )
        pages = "".join(
            line(
                f"M{x - size + 8} {y - 57 - 9 * leaf}L{x + size * 0.7} {y - 25 - 9 * leaf}",
                2,
                CLAY.by(0, 0.5),
            )
            for leaf in range(5)
        )
        band = f"M{x + size * 0.42} {y - 73}L{x + size * 0.83} {y - 202}"
        return (
            shape(front, CREAM.by(-0.03), "url(#flat)")
            + pages
            + shape(side, CREAM.by(-0.17))
            + shape(top, tint.by(-0.12), more='transform="translate(0 8)"')
            + shape(top, tint.by(0), "weave", "url(#flat)", more='stroke-linejoin="round"')
            + line(band, 12, tint.by(-0.2))
            + line(f"M{x + size * 0.42} {y - 73}v48", 12, tint.by(-0.26))
        )

    second = Tint(min(0.86, tint.light + 0.22), 0.04, tint.hue + 20)
    pencil = f"M{x - 190} {y - 255}L{x + 190} {y - 300}"
    return (
        shadow(x - 30, y - 60, 440, 120, 0.1)
        + one(x, y, second, 420)
        + one(x + 6, y - 96, tint, 400)
        + line(pencil, 20, INK.by(-0.1, 0.4), 'filter="url(#edge)" transform="translate(14 14)"')
        + line(pencil, 18, Tint(0.75, 0.12, 75).by(0))
        + line(pencil, 5, "oklch(.92 .09 80)", 'transform="translate(0 -4)"')
        + line(f"M{x + 190} {y - 300}l26 -3", 12, CREAM.by(-0.1))
        + line(f"M{x + 214} {y - 303}l12 -1", 6, INK.by(0))
    )


def soap(x: float, y: float, tint: Tint) -> str:
    def bar(x: float, y: float, tint: Tint, turn: float) -> str:
        return (
            f'<g transform="rotate({turn} {x} {y})">'
            + shape(box(x - 215, y - 150, 430, 150, 52), tint.by(-0.1), "url(#round)")
            + shape(box(x - 215, y - 172, 430, 128, 58), tint.by(0.03), "specks", "url(#flat)")
            + oval(x, y - 110, 125, tint.by(0.1), tilt=0.3)
            + oval(x, y - 110, 120, tint.by(-0.06), tilt=0.28)
            + line(f"M{x - 40} {y - 108}q40 -34 80 0m-80 0q40 24 80 0", 5, tint.by(-0.2))
            + "</g>"
        )

    dish = [(330.0, 70.0), (322, 40), (250, 8), (220, 0)]
    second = Tint(tint.light - 0.1, tint.chroma + 0.02, tint.hue + 50)
    return (
        turned(x, y, dish, CREAM, "specks")
        + oval(x + 30, y - 60, 240, INK.by(0, 0.4), more='filter="url(#edge)"')
        + bar(x, y - 44, second, -2)
        + oval(x + 26, y - 184, 200, INK.by(0, 0.35), tilt=0.12, more='filter="url(#far)"')
        + bar(x - 14, y - 178, tint, 5)
    )


def teapot(x: float, y: float, tint: Tint) -> str:
    x -= 20
    body = [(120.0, 352.0), (200, 330), (268, 240), (276, 160), (226, 50), (150, 0)]
    lid = [(26.0, 40.0), (60, 34), (110, 16), (126, 0.1)]
    spout = (
        f"M{x + 210} {y - 110}C{x + 370} {y - 120} {x + 350} {y - 270} {x + 452} {y - 336}"
        f"l-46 -24C{x + 330} {y - 290} {x + 330} {y - 240} {x + 225} {y - 250}z"
    )
    handle = f"M{x - 230} {y - 280}C{x - 450} {y - 340} {x - 430} {y - 60} {x - 236} {y - 96}"
    return (
        line(handle, 46, tint.by(-0.1))
        + line(handle, 30, tint.by(0.02))
        + line(handle, 8, tint.by(0.16, 0.7), 'transform="translate(-8 -6)"')
        + shape(spout, tint.by(-0.05), "specks", "url(#flat)")
        + line(f"M{x + 409} {y - 358}l40 21", 8, tint.by(-0.28))
        + turned(x, y, body, tint, "specks", hollow=False)
        + oval(x, y - 350, 128, tint.by(-0.25))
        + turned(x, y - 354, lid, tint, hollow=False)
        + turned(
            x, y - 394, [(12.0, 52.0), (32, 42), (36, 24), (20, 6), (18, 0.1)], OAK, hollow=False
        )
    )


# How wide a view takes each in.
THINGS = {
    mug: 1_060, plate: 1_260, vase: 1_560, candle: 1_400, towel: 1_220, board: 1_480,
    lamp: 1_420, basket: 1_180, notebook: 1_240, soap: 1_040, teapot: 1_240, blanket: 1_240,
}  # fmt: skip
BY_NAME = {thing.__name__: thing for thing in THINGS}
