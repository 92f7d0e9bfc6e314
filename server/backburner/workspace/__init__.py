"""What an agent can see and touch: snapshots of the person's project, and workspaces on top of them.

Never writes into the person's files, index, refs (but one pin per base commit), stash or configuration. Start with
`shadow.py` (snapshots and texts by id), then `tree.py` (a workspace), `checkout.py` (real files) and `sandbox.py`.
"""
