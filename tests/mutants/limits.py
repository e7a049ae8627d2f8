"""Guards of what one shopper, one address and one request may ask for."""

from tests.mutants.mutant import mutant

LIMITS = "storefront/limits.py"
BUDGETS = "storefront/test_limits"

MUTANTS = [
    mutant(
        "a request within no budget is let in",
        (LIMITS, "return 0 if is_allowed else", "return 0 if True else"),
        at=BUDGETS,
    ),
    mutant(
        "the budgets of an address are nobody's",
        (LIMITS, "> of_address:", "> of_address and False:"),
        at=BUDGETS,
    ),
    mutant(
        "the budgets of a shopper are nobody's",
        (LIMITS, "<= of_shopper", "<= of_shopper or True"),
        at=BUDGETS,
    ),
    mutant(
        "all shoppers share one budget",
        (LIMITS, "{shopper.hex}", "everybody"),
        at=BUDGETS,
    ),
    mutant(
        "a budget is never filled up again",
        (LIMITS, "int(now // WINDOW_SECONDS))", "0)"),
        at=BUDGETS,
    ),
    mutant(
        "Buy has no budget of its own",
        (LIMITS, 'view if view in settings.BUDGETS else "changes"', '"changes"'),
        at=BUDGETS,
    ),
    mutant(
        "a count begins anew with each request",
        (LIMITS, "return int(cache.incr(key))\n    except", "raise ValueError\n    except"),
        (LIMITS, "else int(cache.incr(key))", "else 1"),
        at=BUDGETS,
    ),
    mutant(
        "the client says itself where it comes from",
        (LIMITS, 'rpartition(",")[2]', 'partition(",")[0]'),
        at=BUDGETS,
    ),
    mutant(
        "a router is believed that nobody trusts",
        (LIMITS, "if settings.TRUST_PROXY else", "if True else"),
        at=BUDGETS,
    ),
    mutant(
        "each address of an IPv6 network has a budget of its own",
        (LIMITS, "{int(parsed) >> 64:x}", "{int(parsed):x}"),
        at=BUDGETS,
    ),
    mutant(
        "all of IPv4 is one network of IPv6",
        (LIMITS, "parsed.ipv4_mapped or ", ""),
        at=BUDGETS,
    ),
    mutant(
        "a cache that is away costs the request",
        (LIMITS, "        _pause(now, error)\n        return 0\n", "        raise\n"),
        at=BUDGETS,
    ),
    mutant(
        "a cache that is away is asked by every request",
        (LIMITS, "_paused_until = now + PAUSE_SECONDS", "_paused_until = now"),
        at=BUDGETS,
    ),
    mutant(
        "a cache that was away is never asked again",
        (LIMITS, "_paused_until = now + PAUSE_SECONDS", "_paused_until = now * 2"),
        at=BUDGETS,
    ),
    mutant(
        "a complaint about the cache repeats its address",
        (LIMITS, "type(error).__name__,", "error,"),
        at=BUDGETS,
    ),
    mutant(
        "a request may be of any size",
        (LIMITS, 'int(request.headers.get("Content-Length") or 0) > most', "False"),
        at=BUDGETS,
    ),
    mutant(
        "a form may be as large as an event",
        (LIMITS, "most = FORM_BYTES", "most = EVENT_BYTES"),
        at=BUDGETS,
    ),
    mutant(
        "an event may only be as large as a form",
        (LIMITS, "most = EVENT_BYTES", "most = FORM_BYTES"),
        at=BUDGETS,
    ),
]
