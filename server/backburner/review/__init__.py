"""What a person should see now, computed: marks, order, texts.

Everything here is a function of the state, the base and proposed texts and the text as it is on the screen. Never stores
anything, never does I/O, has never heard of an editor. Start at `marks.py`; `placement.py` is below it, the sentences are
in `words.py`, `lenses.py`, `problems.py` and `offers.py`.
"""
