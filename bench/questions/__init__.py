"""Every question, in the order of the page."""

from bench.question import Question
from bench.questions import cold_key, evict_million, evict_session, evict_system, get_hot, memory_per_entry, start_up

ALL: tuple[Question, ...] = (
    evict_session.QUESTION,
    evict_system.QUESTION,
    evict_million.QUESTION,
    get_hot.QUESTION,
    cold_key.QUESTION,
    memory_per_entry.QUESTION,
    start_up.QUESTION,
)
