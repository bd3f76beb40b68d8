"""A credential that the end system has accepted is the same credential, and this is not forgotten."""

import pytest

from connector.ledger.credentials import identity, packed, unpacked
from connector.model.credential import Credential

HEADERS = [("Authorization", "Bearer t"), (":base_url", "https://desk"), ("X-Odd", "\udc80")]
MADE = Credential(HEADERS, needed=[name for name, _ in HEADERS])


def test_what_is_proved_of_a_credential_makes_no_difference_to_what_it_is() -> None:
    proved = MADE.as_proved()
    assert (proved, hash(proved), dict(proved)) == (MADE, hash(MADE), dict(MADE))
    assert identity(proved) == identity(MADE)
    assert (MADE.proved, proved.proved, proved.as_proved()) == (False, True, proved)


@pytest.mark.parametrize("credential", [MADE, MADE.as_proved(), Credential(), Credential().as_proved()])
def test_a_packed_credential_comes_back_with_what_is_proved_of_it(credential: Credential) -> None:
    found = unpacked(packed(credential))
    assert (found, found.proved) == (credential, credential.proved)
