"""The real systems, each with what its logout really does. `start` in the folder of each says how it is set up."""

from tests.endsystems.real_systems.system import RealSystem, Source

SYSTEMS = (
    RealSystem(
        key="airflow",
        name="Apache Airflow, FAB auth manager",
        version="3.3.2, FAB 3.10.2",
        source=Source.PYPI,
        use="api/v2/dags?limit=1",
        alive='"total_entries"',
        ready="/api/v2/version",
        logout=(
            "A GET revokes the token, which is refused at once. It redirects with a 307, whatever token it gets, and without one."
        ),
    ),
    RealSystem(
        key="keystone",
        name="OpenStack Keystone",
        version="30.0.0",
        source=Source.PYPI,
        base_path="/v3",
        use="auth/projects",
        alive='"projects"',
        logout="DELETE revokes the token, which is refused at once; the user's other tokens live on. Again: 401.",
    ),
    RealSystem(
        key="kiwi-tcms",
        name="Kiwi TCMS",
        version="12.4",
        source=Source.PYPI,
        use="plan/search/",
        alive="</html>",
        ready="/accounts/login/",
        logout=("Auth.logout deletes the session. It answers 200 with a null, whatever cookie it gets, and without one."),
    ),
    RealSystem(
        key="mediawiki",
        name="MediaWiki",
        version="1.39",
        source=Source.DEBIAN,
        packages=("mediawiki=1:1.39.*", "php-cli", "php-sqlite3", "php-mbstring", "php-xml", "php-intl"),
        use="api.php?action=query&meta=userinfo&format=json",
        alive='"name":"Ann"',
        ready="/api.php",
        logout=("POST with a token of the session deletes it, and answers 200 with nothing. The user's other sessions live on."),
    ),
    RealSystem(
        key="redmine",
        name="Redmine",
        version="5.0.4",
        source=Source.DEBIAN,
        packages=("redmine=5.0.4-*", "redmine-sqlite", "ruby-webrick"),
        use="my/account",
        alive='id="my_account_form"',
        ready="/login",
        logout=(
            "POST with the form's token deletes the session, in all copies of its cookie. A GET shows a form, "
            "and ends nothing. With an API key, POST redirects as if it had ended something: the key lives on."
        ),
    ),
    RealSystem(
        key="request-tracker",
        name="Request Tracker",
        version="5.0.3",
        source=Source.DEBIAN,
        packages=("request-tracker5=5.0.3*", "rt5-db-sqlite", "rt5-standalone"),
        use="REST/1.0/user/ann",
        alive="EmailAddress: ann@example.org",
        logout=(
            "REST 1.0 deletes the session. Each answer is a 200: the status is in the text, "
            "200 once and 401 for a dead cookie or none."
        ),
    ),
    RealSystem(
        key="review-board",
        name="Review Board",
        version="8.1",
        source=Source.PYPI,
        use="api/session/",
        alive='"authenticated": true',
        ready="/api/info/",
        logout=("DELETE ends the session; again: 401. With an API token it answers 204 as well, and the token lives on."),
    ),
    RealSystem(
        key="roundup",
        name="Roundup",
        version="2.6.0",
        source=Source.PYPI,
        use="rest/data/status",
        alive='"collection"',
        logout="The action deletes the session. It redirects with a 302, whatever cookie it gets, and without one.",
    ),
    RealSystem(
        key="trac",
        name="Trac",
        version="1.6",
        source=Source.PYPI,
        use="prefs",
        alive='action="/logout"',
        logout=(
            "POST with the form's token deletes the login and answers 303, again too. A GET answers 302, and the login lives on."
        ),
    ),
    RealSystem(
        key="zabbix",
        name="Zabbix",
        version="6.0.14",
        source=Source.DEBIAN,
        packages=("zabbix-frontend-php=1:6.0.14*", "zabbix-server-pgsql=1:6.0.14*", "php-cli", "php-pgsql", "postgresql"),
        use="",
        alive='"result":',
        logout=("user.logout ends the session and answers 200 with true. With a dead session it is a 200 with an error."),
    ),
)

CHEAP = ("keystone", "roundup", "trac")
"""Those that are tried in CI: they take seconds to install."""
