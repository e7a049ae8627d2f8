"""Guards of what is watched: one story for each payment, all workers counted, nobody exposed."""

from tests.mutants.mutant import mutant

LOGS, WATCHING = "storefront/logs.py", "storefront/watching.py"
METRICS, FIGURES = "storefront/metrics.py", "checkout/metrics.py"
MODELS = "checkout/models.py"
LINES, SCRAPES, PAYMENTS = (
    "storefront/test_logs",
    "storefront/test_metrics",
    "checkout/test_figures",
)

MUTANTS = [
    mutant(
        "Django's lines have the address of a request",
        (LOGS, "words.replace(address, route_of(request))", "words"),
        at=LINES,
    ),
    mutant(
        "a traceback has the values that PostgreSQL names",
        (LOGS, 'VALUES.sub("", super().formatException(ei))', "super().formatException(ei)"),
        at=LINES,
    ),
    mutant(
        "a line has all that `extra` holds",
        (LOGS, '**getattr(record, "fields", NOTHING)', "**vars(record)"),
        at=LINES,
    ),
    mutant(
        "what a request is about stays for the next",
        (LOGS, "_about.reset(token)", "pass"),
        at=LINES,
    ),
    mutant(
        "commands mix their log with their result",
        (LOGS, "if _is_server() else sys.stderr", "if True else sys.stderr"),
        at=LINES,
    ),
    mutant(
        "a web server logs to stderr",
        (LOGS, '"storefront.wsgi" in sys.modules', "False"),
        at=LINES,
    ),
    mutant(
        "anybody chooses the id of a request",
        (WATCHING, "if settings.TRUST_PROXY else", "if True else"),
        at=LINES,
    ),
    mutant(
        "the router's id may be anything",
        (WATCHING, "SHORT_TOKEN.fullmatch(given)", "given"),
        at=LINES,
    ),
    mutant(
        "a failed health check is not in the log",
        (WATCHING, "return is_known and response.status_code == HTTPStatus.OK", "return is_known"),
        at=LINES,
    ),
    mutant(
        "a slow query is told with its values",
        (WATCHING, "_tell_slow(str(sql), seconds)", "_tell_slow(str(sql) + str(params), seconds)"),
        at=LINES,
    ),
    mutant(
        "a slow query is told as often as the database was opened",
        (WATCHING, "if _timed not in connection.execute_wrappers:", "if True:"),
        at=LINES,
    ),
    mutant(
        "an invented method has a figure of its own",
        (WATCHING, 'request.method if request.method in METHODS else "other"', "request.method"),
        at=SCRAPES,
    ),
    mutant(
        "no token opens /metrics",
        (METRICS, "if not settings.METRICS_TOKEN:", "if False:"),
        at=SCRAPES,
    ),
    mutant(
        "any token opens /metrics",
        (METRICS, "if not _has_token(request):", "if False:"),
        at=SCRAPES,
    ),
    mutant(
        "each worker tells of itself alone",
        (
            METRICS,
            "    if not has_workers:\n        return in_memory\n",
            "    return counted_here\n",
        ),
        (METRICS, "None if has_workers else in_memory", "in_memory"),
        at=SCRAPES,
    ),
    mutant(
        "each process number leaves a file",
        (METRICS, 'if place := os.environ.get("WORKER_PLACE"):', 'if place := "":'),
        at=SCRAPES,
    ),
    mutant(
        "the folder of a server that is gone stays",
        (
            "gunicorn.conf.py",
            '    shutil.rmtree(os.environ["PROMETHEUS',
            '    str(os.environ["PROMETHEUS',
        ),
        ("gunicorn.conf.py", ", ignore_errors=True)", ")"),
        at=SCRAPES,
    ),
    mutant(
        "an invented type of event has a figure of its own",
        (FIGURES, 'kind if is_known else "other"', "str(kind)"),
        at=PAYMENTS,
    ),
    mutant(
        "orders are counted at each look",
        (FIGURES, "_counts, COUNTS_HOLD_SECONDS)", "_counts, 0)"),
        at=PAYMENTS,
    ),
    mutant(
        "orders that Stripe never heard of wait for its word",
        (
            MODELS,
            "filter(status__in=WAITING, session_id__isnull=False)",
            "filter(status__in=WAITING)",
        ),
        at=PAYMENTS,
    ),
    mutant(
        "/metrics fails with the database",
        (FIGURES, "except (InterfaceError, OperationalError):", "except ZeroDivisionError:"),
        at=PAYMENTS,
    ),
]
