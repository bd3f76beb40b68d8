"""`make bench`: this project beside what a user would pick instead, in the same run, on the same machine.

To add a question:

1. Write `bench/questions/<name>.py` with one `QUESTION = Question(name=..., title=..., measure=...)`. `measure` is given a `Run`
   and returns `Answer`s: one for each goal, its `part` saying which. It checks with `must` that what it measures does its work.
2. Name it in `bench/questions/__init__.py`.
3. Give it a section in `bench/performance.md`: the prose, and a line `<!-- name -->` where its table and picture go.

What is compared is measured by `bench.measure.interleaved`, so that whatever else the machine does meets all alike. What wants an
interpreter of its own goes through `bench.measure.isolated`; what holds up the event loop is seen by `bench.measure.Stalls`. The
sizes come from `Run.pick`, the folder for files from `Run.folder`. Pictures are drawn from the answers; `Question.panels`
says how where one panel of bars for each answer does not show it. `Question.limits` names peers that show what can be reached.
"""
