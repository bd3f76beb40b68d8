"""What the author of a connector imports from `connector`: each name, once."""

from connector.api.http_errors import ApiError as ApiError
from connector.api.http_errors import BadRequest as BadRequest
from connector.api.http_errors import Conflict as Conflict
from connector.api.http_errors import NotFound as NotFound
from connector.api.http_errors import RateLimited as RateLimited
from connector.api.http_errors import Unauthorized as Unauthorized
from connector.api.http_errors import Unavailable as Unavailable
from connector.api.session_of_request import session as session
from connector.app import create_app as create_app
from connector.cache import cached as cached
from connector.cleanups.hooks import Hooks as Hooks
from connector.cli.running import run as run
from connector.endsystems.end_system import EndSystem as EndSystem
from connector.endsystems.end_system import EndSystemSettings as EndSystemSettings
from connector.endsystems.end_system import LoginOutcome as LoginOutcome
from connector.endsystems.end_system import SessionLogin as SessionLogin
from connector.endsystems.http.authorised import TargetNotAllowed as TargetNotAllowed
from connector.endsystems.http.guarded_client import GuardedClient as GuardedClient
from connector.endsystems.http.kept import ConnectionNotKept as ConnectionNotKept
from connector.model.credential import Credential as Credential
from connector.model.outcomes import LoginResult as LoginResult
from connector.model.outcomes import LogoutOutcome as LogoutOutcome
from connector.model.outcomes import LogoutResult as LogoutResult
from connector.sessions.session import Session as Session
