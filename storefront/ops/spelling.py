"""Compares words however they are spelled: in capitals, or by the keys of another keyboard."""

import unicodedata

# Letters that are no plain ones with an accent, but are typed as such; and what editors put in.
TYPED_AS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "’": "'", "–": "-"})
LEFT_OUT = ("Mn", "Cf")  # accents, and marks that nobody sees


def folded(text: str) -> str:
    """Return what is equal for all spellings; databases fold other letters than ASCII's apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def searchable(text: str) -> str:
    """Return words that are found without their accents, in whatever case: Straße by strasse."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = [char for char in plain if unicodedata.category(char) not in LEFT_OUT]
    letters = "".join(kept).casefold().translate(TYPED_AS)
    return " ".join("".join(char if char.isprintable() else " " for char in letters).split())
