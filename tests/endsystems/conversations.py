"""The life of one login at each system that was tried for real, as it answers there, shortened to what the profiles read.

docs/end-systems.md says when. What the systems do today, only `make end-systems` can tell.
"""

from collections.abc import Mapping

from tests.endsystems.faulty import Canned

Exchange = tuple[str, Canned]
"""The method and target that are wanted, and the answer."""


def cookie(*cookies: str) -> list[tuple[str, str]]:
    """Headers that set cookies."""
    return [("Set-Cookie", f"{each}; Path=/; HttpOnly") for each in cookies]


def to(location: str) -> list[tuple[str, str]]:
    """Headers of a redirect."""
    return [("Location", location)]


RPC, API = "POST /base/api_jsonrpc.php", "/base/api.php?action"
TOKENS = "/base/auth/tokens"
RT_ALIVE, RT_DEAD = Canned(200, "RT/5.0.3 200 Ok\n\nid:\n"), Canned(200, "RT/5.0.3 401 Credentials required\n")
NO_JWT = Canned(403, '{"detail":"Invalid JWT token"}')
TERMINATED = Canned(200, '{"jsonrpc":"2.0","error":{"code":-32602,"data":"Session terminated, re-login, please."},"id":1}')
WITH_LOGOUT, WITH_LOGIN = Canned(200, '<form action="/base/logout">'), Canned(200, '<a href="/base/login">Login</a>')
FORM = '<input type="hidden" name="authenticity_token" value="a+/==" autocomplete="off" />'

LOGINS: Mapping[str, list[Exchange]] = {
    "airflow": [("POST /base/auth/token", Canned(201, '{"access_token": "j.w.t"}'))],
    "keystone": [(f"POST {TOKENS}", Canned(201, "{}", headers=[("X-Subject-Token", "gAAAA-_")]))],
    "kiwi-tcms": [("POST /base/json-rpc/", Canned(200, '{"id": "login", "result": "s"}', headers=cookie("sessionid=s")))],
    "mediawiki": [
        (
            f"GET {API}=query&meta=tokens&type=login&format=json",
            Canned(200, '{"query": {"tokens": {"logintoken": "t+\\\\"}}}', headers=cookie("wiki_session=1")),
        ),
        (
            f"POST {API}=clientlogin&format=json",
            Canned(200, '{"clientlogin":{"status":"PASS"}}', headers=cookie("wiki_session=2", "wikiUserID=1")),
        ),
    ],
    "redmine": [
        ("GET /base/login", Canned(200, FORM, headers=cookie("_redmine_session=1"))),
        ("POST /base/login", Canned(302, headers=[*cookie("_redmine_session=2"), *to("http://redmine/my/page")])),
        ("GET /base/my/account", Canned(200, headers=cookie("_redmine_session=3"))),
    ],
    "request-tracker": [("POST /base/REST/1.0/", Canned(200, RT_ALIVE.body, headers=cookie("RT_SID_example.443=s")))],
    "review-board": [
        ("GET /base/api/session/", Canned(200, '{"session": {"authenticated": true}}', headers=cookie("rbsessionid=s"))),
    ],
    "roundup": [("POST /base/", Canned(200, headers=cookie("roundup_session_Tracker=s")))],
    "trac": [
        ("GET /base/login", Canned(302, headers=cookie("trac_auth=a"))),
        ("GET /base/prefs", Canned(200, headers=cookie("trac_form_token=f"))),
    ],
    "zabbix": [(RPC, Canned(200, '{"jsonrpc":"2.0","result":"5e55","id":1}'))],
}
PROBES: Mapping[str, tuple[str, Canned, Canned]] = {
    "airflow": ("GET /base/api/v2/dags?limit=1", Canned(200), NO_JWT),
    "keystone": (f"GET {TOKENS}", Canned(200), Canned(401)),
    "kiwi-tcms": ("POST /base/json-rpc/", Canned(200, '{"result": []}'), Canned(403, '{"error": {"code": -32603}}')),
    "mediawiki": (
        f"GET {API}=query&meta=userinfo&format=json",
        Canned(200, '{"query":{"userinfo":{"id":1,"name":"Ann"}}}'),
        Canned(200, '{"query":{"userinfo":{"id":0,"name":"127.0.0.1","anon":""}}}'),
    ),
    "redmine": ("GET /base/my/account", Canned(200), Canned(302, headers=to("http://redmine/login?back_url=x"))),
    "request-tracker": ("GET /base/REST/1.0/", RT_ALIVE, RT_DEAD),
    "review-board": (
        "GET /base/api/session/",
        Canned(200, '{"session": {"authenticated": true}}'),
        Canned(200, '{"session": {"authenticated": false}}'),
    ),
    "roundup": ("GET /base/rest/data/status", Canned(200), Canned(403)),
    "trac": ("GET /base/prefs", WITH_LOGOUT, WITH_LOGIN),
    "zabbix": (RPC, Canned(200, '{"jsonrpc":"2.0","result":"2","id":1}'), TERMINATED),
}
"""The request, the answer to a live login, and that to a dead one."""
LOGOUTS: Mapping[str, list[Exchange]] = {
    "airflow": [("GET /base/api/v2/auth/logout", Canned(307, headers=to("/auth/logout")))],
    "keystone": [(f"DELETE {TOKENS}", Canned(204))],
    "kiwi-tcms": [("POST /base/json-rpc/", Canned(200, '{"id": "logout", "jsonrpc": "2.0", "result": null}'))],
    "mediawiki": [
        (f"GET {API}=query&meta=tokens&type=csrf&format=json", Canned(200, '{"query":{"tokens":{"csrftoken":"d1+\\\\"}}}')),
        (f"POST {API}=logout&format=json", Canned(200, "{}")),
    ],
    "redmine": [("GET /base/logout", Canned(200, FORM)), ("POST /base/logout", Canned(302, headers=to("http://redmine/")))],
    "request-tracker": [("POST /base/REST/1.0/logout", RT_ALIVE)],
    "review-board": [("DELETE /base/api/session/", Canned(204))],
    "roundup": [("POST /base/", Canned(302, headers=to("/base/")))],
    "trac": [("POST /base/logout", Canned(303, headers=to("/base")))],
    "zabbix": [(RPC, Canned(200, '{"jsonrpc":"2.0","result":true,"id":1}'))],
}
LOGOUTS_OF_THE_DEAD: Mapping[str, list[Exchange]] = {
    "keystone": [(f"DELETE {TOKENS}", Canned(401))],
    "mediawiki": [(LOGOUTS["mediawiki"][0][0], Canned(200, '{"query":{"tokens":{"csrftoken":"+\\\\"}}}'))],
    "redmine": [("GET /base/logout", Canned(302, headers=to("http://redmine/")))],
    "request-tracker": [("POST /base/REST/1.0/logout", RT_DEAD)],
    "review-board": [("DELETE /base/api/session/", Canned(401, '{"err": {"code": 103}, "stat": "fail"}'))],
    "zabbix": [(RPC, TERMINATED)],
}
"""The others answer as they do to the living: their probe runs before the logout, too."""
LEFT: Mapping[str, Mapping[str, str]] = {
    "airflow": {"authorization": "Bearer j.w.t"},
    "keystone": {"x-auth-token": "gAAAA-_"},
    "kiwi-tcms": {"cookie": "sessionid=s"},
    "mediawiki": {"cookie": "wiki_session=2; wikiUserID=1"},
    "redmine": {"cookie": "_redmine_session=3"},
    "request-tracker": {"cookie": "RT_SID_example.443=s"},
    "review-board": {"cookie": "rbsessionid=s"},
    "roundup": {"cookie": "roundup_session_Tracker=s"},
    "trac": {"cookie": "trac_auth=a; trac_form_token=f"},
    "zabbix": {"authorization": "Bearer 5e55"},
}
"""The credential that a login leaves, which an author's own requests carry."""
