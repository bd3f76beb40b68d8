"""Every question, in the order of the page."""

from bench.question import Question
from bench.questions import evict_session, memory_per_entry

ALL: tuple[Question, ...] = (evict_session.QUESTION, memory_per_entry.QUESTION)
