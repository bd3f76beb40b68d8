"""What can go wrong with a session."""

from connector.model.errors import ConnectorError


class UnknownSession(ConnectorError):
    """Nothing shows that the caller owns this session: a seal is missing, forged, of another one, or of one that is closed.

    Which of these it is makes no difference to anybody outside.
    """
