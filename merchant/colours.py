"""Which colours can be read on which, as WCAG counts it."""

import re

PAPER, NIGHT = "#fffefd", "#1b1815"
"""What words are read on, in the light look and in the dark one."""
READABLE = 4.5


def contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def is_readable(words: str, ground: str) -> bool:
    return contrast(words, ground) >= READABLE


def _luminance(colour: str) -> float:
    parts = [int(part, 16) / 255 for part in re.findall("..", colour[1:])]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
