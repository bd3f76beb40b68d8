"""Every question, in the order of the page."""

from bench.question import Question
from bench.questions import (
    cleanup_parts,
    cleanups_per_second,
    cold_key,
    evict_million,
    evict_session,
    evict_system,
    fleet_cleanups,
    get_hot,
    get_many,
    memory_per_entry,
    million_cleanups,
    open_sessions,
    start_up,
    traced_cleanups,
    where_time_goes,
    whole_life,
)

ALL: tuple[Question, ...] = (
    evict_session.QUESTION,
    evict_system.QUESTION,
    evict_million.QUESTION,
    cleanups_per_second.QUESTION,
    whole_life.QUESTION,
    fleet_cleanups.QUESTION,
    cleanup_parts.QUESTION,
    where_time_goes.QUESTION,
    traced_cleanups.QUESTION,
    million_cleanups.QUESTION,
    get_hot.QUESTION,
    get_many.QUESTION,
    cold_key.QUESTION,
    memory_per_entry.QUESTION,
    start_up.QUESTION,
    open_sessions.QUESTION,
)
