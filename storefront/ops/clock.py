"""Compares this server's clock with what others say: payments fail when it is wrong."""

import logging
import time
from email.utils import parsedate_to_datetime

logger = logging.getLogger(__name__)

BEARABLE_SECONDS = 60
SILENCE_SECONDS = 60 * 60

_silent_until = 0.0


def compare_with(neighbour: str, date: str) -> None:
    """Warn, once in a while, if the `Date` of an answer that has just come is far from now."""
    global _silent_until
    try:
        ahead = round(time.time() - parsedate_to_datetime(date).timestamp())
    except ValueError:
        return
    if abs(ahead) > BEARABLE_SECONDS and time.monotonic() >= _silent_until:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        is_where = "ahead of" if ahead > 0 else "behind"
        words = "This server's clock is %d seconds %s %s's: set it right."
        logger.error(words, abs(ahead), is_where, neighbour)
