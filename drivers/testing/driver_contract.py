"""All parts of the suite as one class."""

from drivers.testing.entry_contract import EntryContract
from drivers.testing.eviction_contract import EvictionContract
from drivers.testing.lifecycle_contract import LifecycleContract
from drivers.testing.model import AgainstModel
from drivers.testing.race_contract import RaceContract
from drivers.testing.stamp_contract import StampContract


class DriverContract(EntryContract, EvictionContract, StampContract, RaceContract, LifecycleContract, AgainstModel):
    """Derive from this, and override the fixture `make_driver`."""
