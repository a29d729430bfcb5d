"""The WSGI callable, nothing else."""

from app.factory import create_app
from jobs.wake import wake

app = create_app(wake=wake, serves=True)
