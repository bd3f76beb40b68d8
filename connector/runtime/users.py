"""The names of this machine's users."""

import sys

if sys.platform == "win32":

    def user_name(number: int) -> str:
        """Return what stands for a user."""
        return f"user {number}"

else:
    import pwd

    def user_name(number: int) -> str:
        """Return the name of a user; his number if he has none, as in many containers. It may take its time."""
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return f"user {number}"
