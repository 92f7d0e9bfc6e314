"""One run, from recipe to result: the loop around a model, its tools, and other programs behind the same protocol.

Works on a `Workspace` and reports facts; has never heard of an editor, a queue or a journal. Start with `base.py` and
`loop.py`.
"""
