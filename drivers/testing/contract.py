"""All parts of the suite as one class."""

from drivers.testing.entries import Entries
from drivers.testing.evictions import Evictions
from drivers.testing.lifecycle import Lifecycle
from drivers.testing.model import AgainstModel
from drivers.testing.races import Races
from drivers.testing.stamps import Stamps


class DriverContract(Entries, Evictions, Stamps, Races, Lifecycle, AgainstModel):
    """Derive from this, and override the fixture `make_driver`."""
