"""The names of this machine's users."""

import os
import sys

if sys.platform == "win32":

    def user_name(number: int) -> str:
        """Return what stands for a user."""
        return f"user {number}"

    def this_user() -> str:
        """Return the name of the user who runs this."""
        return os.environ.get("USERNAME", "unknown")

else:
    import pwd

    def user_name(number: int) -> str:
        """Return the name of a user; his number if he has none, as in many containers. It may take its time."""
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return f"user {number}"

    def this_user() -> str:
        """Return the name of the user who runs this."""
        return user_name(os.geteuid())
