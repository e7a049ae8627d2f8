"""The application that a web server loads: gunicorn in each worker, runserver once."""

import os

from django.core.wsgi import get_wsgi_application

from storefront.startup import log_mode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "storefront.settings")
application = get_wsgi_application()
log_mode()
