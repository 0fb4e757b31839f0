"""What a run says of itself when it begins."""

from __future__ import annotations

from finetune_studio.core.events import RunStarted
from finetune_studio.core.project import Project
from finetune_studio.engine import judging, run
from finetune_studio.engine.session import Session


def started(project: Project, this: run.Run, session: Session, *, resumed: bool) -> RunStarted:
    """Return the statement with which a run begins, or goes on."""
    train, validation = session.train_feed.samples, session.validation_feed.samples
    network = session.bundle.network
    return RunStarted(
        run=str(this.folder),
        project=str(project.folder),
        task=this.recipe.task,
        model=session.bundle.origin,
        epochs=session.epochs,
        steps=session.steps_to_take,
        samples={"train": len(train), "validation": len(validation)},
        device=_where(session),
        parameters=sum(p.numel() for p in network.parameters()),
        trainable=sum(p.numel() for p in session.learning),
        headline=session.task.headline,
        resumed=resumed,
        baseline=judging.baseline(session.task, train, validation),
    )


def _where(session: Session) -> str:
    """Say where the network runs, and how many processes share the work."""
    if session.team.size == 1:
        return session.device.why
    return f"{session.device.why}; {session.team.size} processes"
