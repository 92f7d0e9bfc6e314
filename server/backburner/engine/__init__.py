"""The single writer of each project: takes wishes and facts, saves them, shows the new state, starts what may run.

Has no rules of its own about tasks (those are in `model/decide.py` and `model/evolve.py`) and has never heard of an editor.
"""
