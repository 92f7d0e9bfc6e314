"""The process in which runs live: hundreds of them as coroutines, each reporting its facts to the daemon.

Holds nothing that must survive: a worker that dies takes no state with it. Start with `host.py`.
"""
