"""One model turn on one wire format: bytes out, bytes in, a `Turn` at the end.

`base.py` has the protocol and the error tree; `opening.py` makes a `Model` from an `AgentSpec`; each wire format is one
file; `throttle.py` owns every retry and every wait. Nothing here knows of tasks, files or editors, keeps a conversation,
or executes a tool.
"""
