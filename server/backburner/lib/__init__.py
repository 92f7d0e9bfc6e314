"""What could have been in the standard library: clocks, child processes, files, logging.

Nothing here knows what a task is. Imports nothing of ours.
"""
