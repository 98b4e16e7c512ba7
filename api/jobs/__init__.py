"""Explanations that are computed later: asked for now, fetched when they are done."""

from api.jobs.job import Job, JobRequest
from api.jobs.jobs import Jobs
from api.jobs.submission import submit

__all__ = ["Job", "JobRequest", "Jobs", "submit"]
