"""Every question, in the order of the page."""

from bench.question import Question
from bench.questions import evict_million, evict_session, evict_system, memory_per_entry

ALL: tuple[Question, ...] = (evict_session.QUESTION, evict_system.QUESTION, evict_million.QUESTION, memory_per_entry.QUESTION)
