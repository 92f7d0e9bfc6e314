"""What survives a crash: the journal of each project, the person's settings, and where all of it lives.

Never decides anything and never looks into a project's files beyond its settings file.
"""
