"""From any exception of a run to the one sentence that the person sees. Details go to the log, never to the person."""

from __future__ import annotations

import errno
import logging
from typing import cast

from backburner.agent.base import Halt
from backburner.agent.recipes import BadRecipe
from backburner.model.result import Cause
from backburner.providers.base import ProviderError
from backburner.workspace.git import GitFailed, Lost, NoGit
from backburner.workspace.sandbox import SandboxFailed

log = logging.getLogger(__name__)


def innermost(error: BaseException) -> BaseException:
    """The first error within groups of them."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def cause_of(error: BaseException, run: str) -> Cause:
    """Why the run stopped. What nobody expected is logged with its traceback."""
    error = innermost(error)
    if isinstance(error, Halt):
        return error.cause
    if isinstance(error, ProviderError):
        return error.cause()
    if isinstance(error, BadRecipe):
        return Cause(kind="internal", sentence=str(error), who="recipe")
    log.error("run %s", run, exc_info=error)
    if isinstance(error, SandboxFailed):
        return Cause(kind="sandbox", sentence=f"Its commands could not run: {error}.", who="sandbox")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Cause(kind="disk", sentence="The disk is full: free some space, then run it again.", who="disk")
    if isinstance(error, NoGit | Lost):
        return Cause(kind="snapshot", sentence=error.sentence, who="git")
    if isinstance(error, GitFailed):
        return Cause(kind="snapshot", sentence=f"Its copy of your files could not be used ({error}).", who="git")
    return Cause(kind="internal", sentence="Something went wrong inside Backburner; its log has the details.")
