"""Templates: what they mean, and what is wrong with those that mean nothing."""

import pytest

from connector.endsystems.profile.grammar import parse
from connector.endsystems.profile.template import Template
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential

VALUES = Values(
    Credential(
        [
            ("X-Auth", "a"),
            ("Authorization", "Bearer b c"),
            ("Cookie", 'A=1; AB=2;B="x"; A=3; empty='),
            ("Bare", "Bearer"),
            ("Empty", " "),
            ("Latin", "caf\udce9"),
        ]
    ),
    {"CONNECTOR_ID": "d", "CONNECTOR_EMPTY": ""},
    base_url="https://h",
    captured={"csrf": "e"},
)


def render(template: Template) -> str:
    return template.render(VALUES.of)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{credential.X-Auth}", "a"),
        ("{credential.x-auth}", "a"),
        ("<{credential.Authorization}>", "<Bearer b c>"),
        ("{credential.Authorization|token}", "b c"),
        ("{credential.Cookie|cookie:A}", "1"),
        ("{credential.Cookie|cookie:AB}", "2"),
        ("{credential.Cookie|cookie:B}", '"x"'),
        ("{env.CONNECTOR_ID}/{captured.csrf}", "d/e"),
        ("{base_url}/x", "https://h/x"),
        ('{{"a": "{credential.X-Auth}"}}', '{"a": "a"}'),
        ("{{credential.X-Auth}}", "{credential.X-Auth}"),
        ("{{{captured.csrf}}}", "{e}"),
        ("{credential.Cookie|cookies:A*,empty}", "A=1; AB=2; A=3; empty="),
        ("{credential.X-Auth|base64}", "YQ=="),
        ("{credential.X-Auth|base64url}", "YQ"),
        ("{credential.X-Auth|s256}", "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs"),
        ("{credential.Authorization|token|base64}", "YiBj"),
        ("{credential.X-Auth + ':' + env.CONNECTOR_ID|base64}", "YTpk"),
        ("{credential.X-Auth + captured.csrf}", "ae"),
        ("{base_url|origin}", "https://h"),
        ("{base_url + ':443/x'|origin}", "https://h"),
    ],
)
def test_a_template_puts_values_in_their_places(text: str, value: str) -> None:
    assert render(parse(text)) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc{", "at character 4: a single '{'"),
        ("abc}", "at character 4: a single '}'"),
        ("a{b", "at character 2: a single '{'"),
        ("{{x}", "at character 4: a single '}'"),
        ("{}", "at character 1: unknown name ''; known are: credential."),
        ("x {credentials.A}", "at character 3: unknown name 'credentials.A'; known are: credential."),
        ("{credential.}", "unknown name"),
        ("{credential.a b}", "unknown name"),
        ("{env.CONNECTOR_LEDGER_KEYS}", "unknown name 'env.CONNECTOR_LEDGER_KEYS'"),
        ("{env.CONNECTOR__STORAGE__SHARED__PASSWORD}", "unknown name"),
        ("{env.HOME}", "unknown name 'env.HOME'; known are: credential.<header>, env.CONNECTOR_<NAME>"),
        ("{env.connector_id}", "unknown name"),
        ("{captured.a-b}", "unknown name"),
        ("{base_url.x}", "unknown name"),
        ("{credential.A|s256:x}", "unknown filter"),
        ("{credential.A|cookies:a;b}", "unknown filter"),
        ("{credential.A|cookies:}", "unknown filter"),
        ("{credential.A + }", "unknown name ''"),
        ("{'a'}", "unknown name \"'a'\""),
        ("{credential.A + 'a}", 'unknown name "\'a"'),
        ("{time.weeks}", "unknown name"),
        ("{time}", "unknown name"),
        ("{random}", "unknown name"),
        ("{null.x}", "unknown name"),
        ("{credential.A|tokens}", "unknown filter 'tokens'; known are: token, cookie:<name>"),
        ("{credential.A|token:x}", "unknown filter"),
        ("{credential.A|cookie}", "unknown filter"),
        ("{credential.A|cookie:}", "unknown filter"),
        ("{credential.A|cookie:a;b}", "unknown filter"),
        ("{credential.A|}", "unknown filter ''"),
    ],
)
def test_a_wrong_template_is_refused_with_its_position_and_the_known_names(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared below
        parse(text)
    assert problem in str(refused.value)
    assert str(refused.value).startswith("at character ")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{credential.Nope}", "credential_missing", "credential.Nope is missing or empty"),
        ("{credential.Empty}", "credential_missing", "credential.Empty is missing or empty"),
        ("{credential.Nope|token}", "credential_missing", "credential.Nope is missing or empty"),
        ("{credential.Cookie|cookie:C}", "credential_missing", "cookie C of credential.Cookie is missing or empty"),
        ("{credential.Cookie|cookie:a}", "credential_missing", "cookie a of credential.Cookie is missing or empty"),
        ("{credential.Cookie|cookie:empty}", "credential_missing", "cookie empty of credential.Cookie is missing or empty"),
        ("{credential.X-Auth + credential.Nope|base64}", "credential_missing", "credential.Nope is missing or empty"),
        ("{credential.Cookie|cookies:Z*}", "credential_missing", "credential.Cookie is missing or empty"),
        ("{credential.Latin|base64}", "credential_malformed", "credential.Latin is not UTF-8"),
        ("{credential.X-Auth|origin}", "credential_malformed", "credential.X-Auth is no URL"),
        ("{env.CONNECTOR_EMPTY}", "credential_missing", "env.CONNECTOR_EMPTY is missing or empty"),
        (
            "{credential.Bare|token}",
            "credential_malformed",
            "credential.Bare is a single word; expected a scheme word and a token",
        ),
    ],
)
def test_a_value_that_is_missing_is_named_and_never_stood_in_for(text: str, code: str, message: str) -> None:
    with pytest.raises(CannotSend) as refused:
        render(parse(text))
    assert (refused.value.code, refused.value.message) == (code, message)
