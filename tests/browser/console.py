"""What a browser reports: errors of its console, violations of the policy, failed requests."""

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# Chromium writes violations into the console as well, but not all: a blocked navigation is
# reported here even when the page is on its way out.
LISTENER = """
document.addEventListener("securitypolicyviolation", event =>
    console.error(`CSP: ${event.effectiveDirective} blocked ${event.blockedURI}`));
"""
MAX_LOOKS = 30


class Console:
    """Collects them from all tabs of the contexts that it watches."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.expected: list[str] = []
        self.contexts: list[BrowserContext] = []

    def listen(self, context: BrowserContext) -> None:
        context.add_init_script(LISTENER)
        context.on("console", self._console)
        context.on("weberror", self._web_error)
        context.on("requestfailed", self._request_failed)
        self.contexts.append(context)

    def expect(self, *patterns: str) -> None:
        """Let messages that match appear in this test, each at least once."""
        self.expected += patterns

    def expect_status(self, status: int) -> None:
        """Chromium logs each answer of 400 and more."""
        self.expect(rf"^error: Failed to load resource: .* status of {status} ")

    def check(self) -> None:
        """Raise AssertionError for a message that is not expected, and for one that is missing."""
        for context in self.contexts:
            for page in context.pages:
                page.wait_for_timeout(1)  # receive what is on its way
        surprises = [line for line in self.messages if not self._is_expected(line)]
        assert not surprises, "The browser reported:\n" + "\n".join(surprises)
        for page in [page for context in self.contexts for page in context.pages]:
            for _ in range(MAX_LOOKS):  # a busy machine takes its time
                if self._missing():
                    page.wait_for_timeout(100)
        assert not self._missing(), f"The browser did not report {self._missing()}"

    def _missing(self) -> list[str]:
        return [
            pattern
            for pattern in self.expected
            if not any(re.search(pattern, line) for line in self.messages)
        ]

    def _is_expected(self, line: str) -> bool:
        return any(re.search(pattern, line) for pattern in self.expected)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.messages.append(f"{message.type}: {message.text} at {message.location['url']}")

    def _web_error(self, error: WebError) -> None:
        # From one page to the next the stylesheet asks for a transition, which Chromium leaves out
        # when the page is there first. It says so in a promise that no script handles.
        if "Transition was " not in str(error.error):
            self.messages.append(f"exception: {error.error}")

    def _request_failed(self, request: Request) -> None:
        # A page that is left takes its unanswered requests with it.
        if request.failure != "net::ERR_ABORTED":
            self.messages.append(f"failed: {request.method} {request.url} {request.failure}")
