"""The application that a web server loads: gunicorn in each worker, runserver once."""

import os

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created

from storefront.ops.connections import limit_waiting
from storefront.startup import log_mode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "storefront.settings")
application = get_wsgi_application()
connection_created.connect(limit_waiting)
log_mode()
