"""Guards of what goes wrong: an outage is no fault of the code, and nobody meets a blank page."""

from tests.mutants.mutant import mutant

ERRORS = "storefront/errors.py"
PAGES = "storefront/test_error_pages"

MUTANTS = [
    mutant(
        "an outage of the database is a fault of ours",
        (ERRORS, "if not isinstance(error, OperationalError | InterfaceError):", "if True:"),
        at=PAGES,
    ),
    mutant(
        "every fault of ours is an outage",
        (ERRORS, "if not isinstance(error, OperationalError | InterfaceError):", "if False:"),
        at=PAGES,
    ),
    mutant(
        "an outage does not say when to come again",
        (ERRORS, 'answer["Retry-After"] = str(SECONDS_TO_WAIT)', "pass"),
        at=PAGES,
    ),
    mutant("error pages may be stored", (ERRORS, '"no-store"', '"public"'), at=PAGES),
    mutant(
        "who speaks JSON gets a page",
        (ERRORS, 'if request.content_type == "application/json":', "if False:"),
        at=PAGES,
    ),
    mutant(
        "an address for forms does not say what it takes",
        (ERRORS, '            page["Allow"] = response["Allow"]\n', ""),
        at=PAGES,
    ),
    mutant(
        "the shop says it is ready while the database is away",
        (
            "storefront/views.py",
            'return _not_ready("the database does not answer")',
            'return HttpResponse("ready")',
        ),
        at=PAGES,
    ),
]
