"""Compares words however they are spelled: in capitals, or by the keys of another keyboard."""

import unicodedata


def folded(text: str) -> str:
    """Return what is equal for all spellings; databases fold other letters than ASCII's apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
