"""Settings of the shop, read top to bottom; `.env.example` explains every name."""

import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from storefront import stripe_keys
from storefront.ops import data_stores, logs, mail_url
from storefront.ops import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_dot_env(BASE_DIR)

# A PaaS collects the static files before the shop's secrets are there. Django reads its settings
# before it looks at the command, so the command line alone says so.
collecting_static = "collectstatic" in sys.argv

# --- Who and where ----------------------------------------------------------------------
DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", "only-for-development" if DEBUG or collecting_static else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to a long random text that you keep secret, "
        "or DEBUG=true to develop on your own machine."
    )

SITE_URL = env.origin("SITE_URL")
site = urlsplit(SITE_URL)
USE_HTTPS = site.scheme == "https" if SITE_URL else not DEBUG
site_host = site.netloc.removesuffix(f":{site.port}")
# All but that of SITE_URL lead there (ops/site_address.py).
ALLOWED_HOSTS = sorted({*env.hosts("ALLOWED_HOSTS"), *filter(None, [site_host])})
# Whether strangers can find the shop, as far as its address tells.
IS_PUBLIC = USE_HTTPS and not (SITE_URL and env.is_local(site_host))
TRUST_PROXY = env.flag("TRUST_PROXY")
# gunicorn reads these two by itself, with a poorer message when it can't.
PORT = env.number("PORT", 8000, least=0, most=65_535)
env.number("WEB_CONCURRENCY", 1, least=1, most=1_000)

ROOT_URLCONF = "storefront.urls"
WSGI_APPLICATION = "storefront.wsgi.application"
APPEND_SLASH = True

INSTALLED_APPS = [
    "storefront.ops",
    "storefront",
    "checkout",
    "merchant",
    "django_htmx",
    "merchant.desk.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "storefront.ops.request_log.RequestLogMiddleware",
    # So early, that the answers of later middleware carry their headers too.
    "storefront.ops.request_guard.RequestGuard",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "storefront.ops.health.HealthMiddleware",
    "storefront.ops.site_address.SiteAddress",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pads each page by chance, so that its size tells nothing of what is secret in it. Files are
    # compressed already, and metrics and health are left as they are.
    "storefront.ops.compression.Compression",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "storefront.ops.logins.Logins",
    "storefront.about.InShopZone",
    "storefront.ops.error_pages.ErrorPages",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "storefront.ops.pages.page_context",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------
DATABASES = {"default": data_stores.database("DATABASE_URL", BASE_DIR)}
PERSISTENT_DISK = env.flag("PERSISTENT_DISK")
CACHES = {"default": data_stores.cache("CACHE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = ["storefront.ops.logins.OneAtATime"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},  # NIST, for a password without a second factor
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Words and money --------------------------------------------------------------------
# What is empty here the merchant says at the desk (storefront.models.Shop).
SHOP_NAME = env.words("SHOP_NAME")
SHOP_DESCRIPTION = env.words("SHOP_DESCRIPTION")
SHOP_LOGO = env.static_file("SHOP_LOGO", BASE_DIR / "static")
SHOP_ACCENT = env.colour("SHOP_ACCENT")
SHOP_LINKS = env.links("SHOP_LINKS")
CURRENCY = env.currency("CURRENCY", "usd")
LANGUAGE_CODE = "en-us"
SHOP_TIME_ZONE = env.time_zone("TIME_ZONE")
TIME_ZONE = SHOP_TIME_ZONE or "UTC"
# What all pages say about the shop.
ABOUT_THE_SHOP = "storefront.about.about_the_shop"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["storefront.formats"]

# --- Stripe -----------------------------------------------------------------------------
STRIPE_PUBLISHABLE_KEY, STRIPE_SECRET_KEY = stripe_keys.key_pair()
STRIPE_WEBHOOK_SECRET = stripe_keys.webhook_secret()
STRIPE_API_BASE = stripe_keys.api_base(STRIPE_SECRET_KEY)
STRIPE_KEY_PRESENT = bool(STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY)
STRIPE_DEMO_MODE = not STRIPE_KEY_PRESENT
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(stripe_keys.LIVE_KEYS)
# How long a shopper has to pay and goods stay reserved, and ordering adds five minutes to it.
# Stripe allows 30 minutes to a day.
CHECKOUT_LIFETIME = timedelta(minutes=env.number("CHECKOUT_MINUTES", 30, least=30, most=1_435))
# Where a Buy form may lead: Stripe's page, or the merchant's own domain for it.
CHECKOUT_ORIGINS = [
    origin
    for origin in ["https://checkout.stripe.com", *env.origins("CHECKOUT_ORIGINS"), STRIPE_API_BASE]
    if origin
]

# What Stripe takes besides the goods: checkout/offers.py.
TAX = env.choice("TAX", "off", ("off", "inclusive", "exclusive"))
PROMOTION_CODES = env.flag("PROMOTION_CODES")
ASK_PHONE = env.flag("ASK_PHONE")
EXCLUDE_PAYMENT_METHODS = stripe_keys.excluded_payment_methods()

# Where each carrier shows a parcel, by its {number}.
TRACKING_URLS = env.link_patterns("TRACKING_URLS", "{number}")

# --- Mail: checkout/outbox.py -----------------------------------------------------------
MAILERS = mail_url.mailers("MAIL_URL", prints=DEBUG)
MERCHANT_MAIL = env.mail_address("MERCHANT_MAIL")
MAIL_FROM = env.mail_address("MAIL_FROM") or MERCHANT_MAIL
# With fewer left of a product than this, its sale is told to the merchant; 0 is never.
LOW_STOCK = env.number("LOW_STOCK", 0, least=0, most=1_000_000)
# Who writes the words of a message (checkout.models.Message).
WRITES_MAILS = "merchant.mails.mail_of"

# --- Retention: checkout/purging.py -----------------------------------------------------
KEEP_CARTS = timedelta(days=env.number("KEEP_CARTS_DAYS", 90, least=1, most=3_650))
# For 30 days Stripe keeps an event that it could not deliver, and its order must still be there.
KEEP_UNPAID_ORDERS = timedelta(days=env.number("KEEP_UNPAID_DAYS", 90, least=35, most=3_650))
# 0 is for ever: how long a merchant needs them is for the merchant's country to say.
KEEP_EMAILS = timedelta(days=env.number("KEEP_EMAILS_DAYS", 0, least=0, most=36_500))
KEEP_EVENTS = timedelta(days=env.number("KEEP_EVENTS_DAYS", 90, least=35, most=3_650))

# --- The worker: checkout/management/commands/work.py -----------------------------------
# Whether the server starts it, or it has a process of its own, or cron runs its commands.
WORKER = env.choice("WORKER", "inline", ("inline", "process", "off"))
ROUND = timedelta(minutes=1)
# So long after its holder was killed, another process goes on.
LEASE = timedelta(seconds=30)

# What the floors above the checkout know of the persons of orders, and how they forget it.
EXPORTS_PERSONS = ["merchant.persons.exported"]
FORGETS_PERSONS = ["merchant.persons.forget"]
# What the shelf has to know of orders (storefront/selling.py).
SOLD_AMONG = "checkout.sold.sold_among"
PIECES_SOLD = "checkout.sold.pieces_sold"

# What the desk has asked Stripe for: the event answers it, and the worker looks it up.
HEARS_OF_REFUNDS = ["merchant.refunding.hear"]
IN_EACH_ROUND = ["merchant.refunding.look_up_all"]

# What has to be run once a backup was restored, and when it was saved.
AFTER_RESTORE = ["migrate", "reconcile_orders --since {moment}"]
# What writes down that one was saved, and that one was restored.
NOTES_BACKUP = "checkout.models.heartbeat.note_backup"
NOTES_RESTORE = "checkout.telling.doubt_what_was_due"

# --- Static files -----------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed and compressed once `collectstatic` has run, straight from the sources before.
static_collected = not DEBUG and (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "storefront.ops.static_files.CollectedFiles"
        if static_collected or collecting_static
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}
WHITENOISE_USE_FINDERS = not static_collected
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Security ---------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = USE_HTTPS
# A browser takes a cookie of such a name only by https and from this very host, no subdomain.
cookie_prefix = "__Host-" if USE_HTTPS else ""
SHOPPER_COOKIE_NAME = f"{cookie_prefix}shopper"
SESSION_COOKIE_NAME = f"{cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{cookie_prefix}csrftoken"
NOTICE_COOKIE_NAME = f"{cookie_prefix}notice"
DESK_COOKIE_NAME = f"{cookie_prefix}desk"
DELIVERY_COOKIE_NAME = f"{cookie_prefix}delivery"
CSRF_COOKIE_HTTPONLY = True
LOGIN_REDIRECT_URL = "admin:index"
# Only merchants log in: a working day, counted from the login.
SESSION_COOKIE_AGE = 12 * 60 * 60
CSRF_FAILURE_VIEW = "storefront.ops.error_pages.expired_form"
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL else []
SECURE_SSL_REDIRECT = USE_HTTPS
SECURE_SSL_HOST = site.netloc or None
# Stripe and health checks take a redirect for a failure, and send nothing secret.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^stripe/webhook/?$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 31_536_000, least=0, most=63_072_000)
if not USE_HTTPS:
    SECURE_HSTS_SECONDS = 0
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    # Browsers check the redirect that answers a form post as well.
    "form-action": [CSP.SELF, *CHECKOUT_ORIGINS],
}
# Changes per minute, by one shopper and by one address that several shoppers share.
# A view has the budget of its name, or that of "changes"; 0 is no limit (rate_limits.py).
shoppers = env.number("SHOPPERS_PER_ADDRESS", 100, least=0, most=1_000_000)
changes = env.number("CHANGES_PER_MINUTE", 300, least=0, most=1_000_000)
buys = env.number("BUYS_PER_MINUTE", 6, least=0, most=1_000_000)
logins = env.number("LOGINS_PER_MINUTE", 10, least=0, most=1_000_000)
BUDGETS = {
    "changes": (changes, changes * shoppers),
    "checkout:checkout-session": (buys, buys * shoppers),
    "admin:login": (0, logins),
}
# The forms that take larger bodies (ops/bodies.py), from who has the permission alone.
UPLOADS = {
    "admin:storefront_product_add": "storefront.add_product",
    "admin:storefront_product_change": "storefront.change_product",
    "admin:shop": "storefront.change_shop",
}
# What one address may hold without paying (checkout/limits.py), and one order at all.
OPEN_ORDERS_PER_ADDRESS = env.number("OPEN_ORDERS_PER_ADDRESS", 500, least=0, most=1_000_000)
PIECES_PER_ORDER = env.number("PIECES_PER_ORDER", 1_000, least=0, most=1_000_000)
DEFAULT_EXCEPTION_REPORTER = "storefront.ops.error_pages.ScrubbedExceptionReporter"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: they may not be the merchant's
    "mail.W001",  # no mailer: then messages wait, and the desk says so
    "security.W021",  # HSTS preload: a promise only the owner of the domain can give
]

# --- Log and metrics --------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")).upper()
SLOW_QUERY_SECONDS = env.number("SLOW_QUERY_MS", 200, least=1, most=60_000) / 1000
SLOW_STRIPE_SECONDS = env.number("SLOW_STRIPE_MS", 2_000, least=1, most=60_000) / 1000
METRICS_TOKEN = env.secret("METRICS_TOKEN")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": logs.ReadableFormatter if DEBUG else logs.JsonFormatter}},
    "filters": {"no_error_of_ours": {"()": logs.NoErrorOfOurs}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["no_error_of_ours"],
            "stream": logs.as_utf8(sys.stderr),
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "storefront": {"level": LOG_LEVEL},
        "checkout": {"level": LOG_LEVEL},
        "merchant": {"level": LOG_LEVEL},
        "django": {"level": "INFO", "handlers": []},
        # storefront.ops.request_log logs every answer, by its route and in the shop's own form.
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "CRITICAL", "handlers": []},
    },
}
