"""A Django site with django-oauth-toolkit on a loopback port.

    python -m tests.endsystems.django_oauth.server CLIENT_ID CLIENT_SECRET FOLDER

It keeps its database in FOLDER and prints its base URL as one line once it serves.
"""

import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.endsystems.real_wsgi import Server


def configure(folder: Path) -> None:
    settings.configure(
        SECRET_KEY="only-for-tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="tests.endsystems.django_oauth.urls",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.db", "OPTIONS": {"timeout": 20}}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # guards the client's secret, checked at every call
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def register(client_id: str, client_secret: str) -> None:
    from oauth2_provider.models import Application  # noqa: PLC0415 - models exist only once the settings do

    Application.objects.create(
        name="connector",
        client_id=client_id,
        client_secret=client_secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )


def main(client_id: str, client_secret: str, folder: str) -> None:
    configure(Path(folder))
    register(client_id, client_secret)
    with Server() as server:
        server.serve(get_wsgi_application())


if __name__ == "__main__":
    main(*sys.argv[1:])
