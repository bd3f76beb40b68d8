"""Every question, in the order of the page."""

from bench.question import Question
from bench.questions import memory_per_entry

ALL: tuple[Question, ...] = (memory_per_entry.QUESTION,)
