"""An OpsHub stand-in: plays what OpsHub does, in its order, against any connector, and says where the contract is broken."""
