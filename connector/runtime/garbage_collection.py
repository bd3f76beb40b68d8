"""How often Python looks for objects that nothing but each other refers to."""

import gc

NEW_OBJECTS = 50_000
"""So many more objects than before, some megabytes, until it looks for them."""


def look_for_it_seldom() -> None:
    """Have it looked for less often, and not among what is there now: the modules, which stay.

    A cleanup leaves nothing of the kind behind, but all that are under way are looked through time and again by default, and the
    whole process now and then, which holds it up for a tenth of a second.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
