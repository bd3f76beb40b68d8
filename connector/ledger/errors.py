"""What can go wrong with the ledger once it is open; `ConfigurationError` is what keeps it from opening."""

from connector.model.errors import ConnectorError


class LedgerUnavailable(ConnectorError):
    """It could not be made durable, or not be read: the disk is full, broken or read-only. A later call may succeed."""


class DebtHeldBack(ConnectorError):
    """Today's configuration does not lead to the end system of this debt; the message says what can be done."""


class NoSuchDebt(ConnectorError):
    """No row has this id, or none that could be acted upon as was asked; the message says why."""
