"""How bodies, cloth and shadows are drawn: SVG in one hand, with the light from the left."""

from typing import NamedTuple

VIEW = (1_600, 1_200)
"""The units of a drawing."""
TABLE = 760
"""Where the table meets the wall."""
TILT = 0.17
"""How round a circle on the table looks from where the camera stands."""
MIDDLE = 780
"""Where a thing stands."""

Profile = list[tuple[float, float]]
"""Half of a turned body: radius and height above the table, from top to bottom."""


class Tint(NamedTuple):
    """A colour of oklch."""

    light: float
    chroma: float
    hue: float

    def by(self, light: float, alpha: float = 1) -> str:
        lightness = min(1, max(0, self.light + light))
        return f"oklch({lightness:.3f} {self.chroma} {self.hue} / {alpha})"


OAK, CLAY, BRASS = Tint(0.66, 0.07, 68), Tint(0.7, 0.05, 60), Tint(0.7, 0.1, 85)
CREAM, INK = Tint(0.93, 0.02, 85), Tint(0.3, 0.02, 60)

DEFS = f"""
<radialGradient id="light" cx=".16" cy=".12" r="1.1">
  <stop offset="0" stop-color="oklch(1 .03 85 / .5)"/><stop offset=".55" stop-color="#fff0"/>
  <stop offset="1" stop-color="oklch(.2 .03 50 / .34)"/></radialGradient>
<linearGradient id="round"><stop offset="0" stop-color="oklch(.2 .02 50 / .2)"/>
  <stop offset=".1" stop-color="#fff0"/><stop offset=".24" stop-color="oklch(1 .02 85 / .42)"/>
  <stop offset=".42" stop-color="#fff0"/><stop offset=".72" stop-color="oklch(.2 .03 50 / .26)"/>
  <stop offset=".93" stop-color="oklch(.18 .03 50 / .48)"/>
  <stop offset="1" stop-color="oklch(.25 .03 50 / .36)"/></linearGradient>
<linearGradient id="flat"><stop offset="0" stop-color="oklch(1 .02 85 / .22)"/>
  <stop offset="1" stop-color="oklch(.2 .03 50 / .26)"/></linearGradient>
<linearGradient id="low" x2="0" y2="1"><stop offset=".5" stop-color="#0000"/>
  <stop offset="1" stop-color="oklch(.18 .03 50 / .3)"/></linearGradient>
<linearGradient id="pane"><stop offset="0" stop-color="oklch(1 .05 85 / .5)"/>
  <stop offset="1" stop-color="oklch(1 .05 85 / .12)"/></linearGradient>
<radialGradient id="glow"><stop offset="0" stop-color="oklch(.96 .1 85 / .85)"/>
  <stop offset=".3" stop-color="oklch(.92 .11 80 / .35)"/>
  <stop offset="1" stop-color="oklch(.9 .1 75 / 0)"/></radialGradient>
<filter id="soft" x="-60%" y="-150%" width="220%" height="400%">
  <feGaussianBlur stdDeviation="34 18"/></filter>
<filter id="softer" x="-60%" y="-150%" width="220%" height="400%">
  <feGaussianBlur stdDeviation="70 26"/></filter>
<filter id="near" x="-20%" y="-100%" width="140%" height="300%">
  <feGaussianBlur stdDeviation="9 5"/></filter>
<filter id="far"><feGaussianBlur stdDeviation="16"/></filter>
<filter id="edge"><feGaussianBlur stdDeviation="3"/></filter>
{
    "".join(
        f'<filter id="{name}" x="0" y="0" width="1" height="1"><feTurbulence type="fractalNoise" '
        f'baseFrequency="{frequency}" numOctaves="{octaves}" seed="7"/>'
        f'<feColorMatrix values="{f"0 0 0 0 {tone} " * 3}{strength} 0 0 0 {-strength * least}"/>'
        '<feComposite in2="SourceAlpha" operator="in"/></filter>'
        for name, frequency, octaves, tone, strength, least in (
            ("wood", ".002 .09", 4, 0.16, 1.5, 0.42),
            ("planks", ".0015 .06", 4, 0.14, 0.8, 0.42),
            ("weave", ".35 .5", 2, 0.1, 0.9, 0.42),
            ("knit", ".06 .12", 2, 0.08, 0.9, 0.42),
            ("specks", ".16", 2, 0.15, 5, 0.62),
            ("plaster", ".012", 6, 0.3, 0.9, 0.4),
            ("grain", ".75", 2, 0.1, 0.4, 0.42),
        )
    )
}
"""


def oval(
    x: float, y: float, radius: float, fill: str, *, tilt: float = TILT, more: str = ""
) -> str:
    return (
        f'<ellipse cx="{x:.0f}" cy="{y:.0f}" rx="{radius:.1f}" ry="{radius * tilt:.1f}" '
        f'fill="{fill}" {more}/>'
    )


def shape(path: str, fill: str, *over: str, more: str = "") -> str:
    """A path, and once more for each gradient, `url(#…)`, or texture over it."""
    layers = [f'<path d="{path}" fill="{fill}" {more}/>']
    for layer in over:
        look = f'fill="{layer}"' if layer.startswith("url") else f'filter="url(#{layer})"'
        layers.append(f'<path d="{path}" {look} {more}/>')
    return "".join(layers)


def line(path: str, width: float, colour: str, more: str = "") -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linecap="round" stroke-linejoin="round" {more}/>'
    )


def box(x: float, y: float, width: float, height: float, corner: float) -> str:
    """The path of a box with round corners."""
    w, h, r = width - 2 * corner, height - 2 * corner, corner
    turn = f"a{r} {r} 0 0 1"
    down, back = f"v{h}{turn} {-r} {r}h{-w}", f"{turn} {-r} {-r}v{-h}{turn} {r} {-r}z"
    return f"M{x + r} {y}h{w}{turn} {r} {r}{down}{back}"


def shadow(x: float, y: float, radius: float, height: float = 300, tilt: float = TILT) -> str:
    """What falls to the right, away from the window, and the dark line where a thing stands."""
    reach = 0.45 * height
    return (
        oval(
            x + reach,
            y - 14,
            radius * 0.8 + reach,
            INK.by(-0.1, 0.26),
            tilt=tilt,
            more='filter="url(#softer)"',
        )
        + oval(x + 40, y, radius * 1.05, INK.by(-0.1, 0.42), tilt=tilt, more='filter="url(#soft)"')
        + oval(
            x + 5, y + 3, radius * 0.99, INK.by(-0.15, 0.6), tilt=tilt, more='filter="url(#near)"'
        )
    )


def curve(points: Profile) -> str:
    """A smooth line through the points (Catmull and Rom's)."""
    padded = [points[0], *points, points[-1]]
    path = ""
    for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(
        padded, padded[1:], padded[2:], padded[3:], strict=False
    ):
        path += (
            f"C{bx + (cx - ax) / 6:.1f} {by + (cy - ay) / 6:.1f} "
            f"{cx - (dx - bx) / 6:.1f} {cy - (dy - by) / 6:.1f} {cx:.1f} {cy:.1f}"
        )
    return path


def turned(
    x: float, y: float, profile: Profile, tint: Tint, *over: str, hollow: bool = True
) -> str:
    """A body as from a potter's wheel, with its shadow; one that is hollow is seen into."""
    (top, high), (foot, low) = profile[0], profile[-1]
    right = [(x + radius, y - height) for radius, height in profile]
    left = [(x - radius, y - height) for radius, height in reversed(profile)]
    path = (
        f"M{right[0][0]} {right[0][1]}{curve(right)}"
        f"A{foot} {foot * TILT} 0 0 1 {left[0][0]} {left[0][1]}{curve(left)}"
        f"A{top} {top * TILT} 0 0 {0 if hollow else 1} {right[0][0]} {right[0][1]}z"
    )
    body = shape(path, tint.by(0), *over, "url(#round)", "url(#low)")
    if low == 0:
        body = shadow(x, y, foot, high) + body
    if hollow:
        wall = 0.93 if top > 60 else 0.84
        body += oval(x, y - high, top, tint.by(0.05))
        body += oval(x, y - high + 1, top * wall, tint.by(-0.2))
        body += oval(
            x + top * 0.05,
            y - high + top * 0.04,
            top * wall * 0.9,
            tint.by(-0.3, 0.5),
            more='filter="url(#edge)"',
        )
    return body
