"""`python -m tools.stripe_stand_in`: plays Stripe until Ctrl-C."""

import argparse
import signal
import threading

from tools.stripe_stand_in.stand_in import StandIn

ENVIRONMENT = {
    "STRIPE_PUBLISHABLE_KEY": "pk_test_stand_in",
    "STRIPE_SECRET_KEY": "sk_test_stand_in",
}


def main() -> None:
    """Serve, say how to start the shop against it, and announce each request and delivery."""
    # A shell that starts it in the background lets it ignore Ctrl-C's signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = _options()
    stand_in = StandIn(
        options.webhook_url,
        options.secret,
        options.port,
        announce=lambda line: print(line, flush=True),
    )
    try:
        with stand_in:
            print(_greeting(stand_in), flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        print("\nThe stand-in stops. Nothing was charged.")
    except OSError as error:
        raise SystemExit(f"Port {options.port} can't be used: {error}") from error


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.stripe_stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--webhook-url", default="http://localhost:8000/stripe/webhook/")
    parser.add_argument("--secret", default="whsec_stand_in")
    return parser.parse_args()


def _greeting(stand_in: StandIn) -> str:
    environment = {
        **ENVIRONMENT,
        "STRIPE_WEBHOOK_SECRET": stand_in.secret,
        "STRIPE_API_BASE": f"http://localhost:{stand_in.port}",
    }
    posix = "\n".join(f"  export {name}={value}" for name, value in environment.items())
    windows = "\n".join(f'  $env:{name} = "{value}"' for name, value in environment.items())
    return (
        f"A stand-in for Stripe at http://localhost:{stand_in.port}. No money moves here.\n"
        f"Events go to {stand_in.webhook_url}\n\n"
        f"Start the shop with\n{posix}\nor, in PowerShell,\n{windows}\n\nCtrl-C ends it.\n"
    )


if __name__ == "__main__":
    main()
