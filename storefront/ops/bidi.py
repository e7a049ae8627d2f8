"""Keeps names in right-to-left scripts from reordering the words around them."""

from unicodedata import bidirectional

FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"


def isolated(name: str) -> str:
    """Return the name as a sentence of plain text takes it; pages have `<bdi>` for that."""
    if any(bidirectional(letter) in ("R", "AL", "AN") for letter in name):
        return f"{FIRST_STRONG_ISOLATE}{name}{POP_DIRECTIONAL_ISOLATE}"
    return name
