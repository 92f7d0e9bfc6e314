"""The domain: frozen data and pure functions.

Never does I/O, never looks at a clock, never draws a random number, has never heard of asyncio or of an editor. Start
reading at `task.py` (what there is), then `events.py` (what can happen), `evolve.py` and `decide.py` (what it means).
"""
