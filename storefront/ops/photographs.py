"""Photographs that somebody sends: upright, in sRGB, as small WebP files."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import IO

logger = logging.getLogger(__name__)

WIDTHS = (480, 960, 1_600)
"""A photograph that is narrower than one of them is kept in its own width instead."""
LARGEST = (WIDTHS[-1], 2 * WIDTHS[-1])

# It takes so much memory that a process develops one photograph at a time.
one_at_a_time = Lock()


class NoPhotograph(Exception):
    """The file can't be shown; the text says why, of a sentence that begins with its name."""


@dataclass(frozen=True)
class Photograph:
    """What is kept of a photograph: its files by their width, and the size of the largest."""

    width: int
    height: int
    files: dict[int, bytes]

    @cached_property
    def digest(self) -> str:
        return hashlib.blake2b(self.files[self.width], digest_size=16).hexdigest()


@dataclass(frozen=True)
class Logo:
    """What is kept of a logo: its files by what they are for."""

    files: dict[str, bytes]

    @cached_property
    def digest(self) -> str:
        return hashlib.blake2b(b"".join(self.files.values()), digest_size=16).hexdigest()


def widths_of(width: int) -> list[int]:
    """Return the widths of the files of a photograph whose largest is so wide."""
    return sorted({min(width, each) for each in WIDTHS})


def developed(file: IO[bytes]) -> Photograph:
    """Return what is kept of the photograph in a file: nothing that the camera wrote beside it.

    Raises NoPhotograph.
    """
    from storefront.ops import darkroom

    return _one_at_a_time(darkroom.develop, file)


def logo_in(file: IO[bytes]) -> Logo:
    """Return what is kept of the logo in a file. Raises NoPhotograph."""
    from storefront.ops import darkroom

    return _one_at_a_time(darkroom.develop_logo, file)


def _one_at_a_time[Kept](develop: Callable[[IO[bytes]], Kept], file: IO[bytes]) -> Kept:
    with one_at_a_time:
        try:
            return develop(file)
        except NoPhotograph:
            raise
        except Exception as error:  # decoders have many for a file that breaks off
            logger.info("A photograph could not be read: %s.", type(error).__name__)
            raise NoPhotograph("is broken or not complete") from None
