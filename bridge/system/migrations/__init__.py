"""Steps from one schema of config.db to the next, run by alembic at start (bridge/store/backend.py).

env.py       hands alembic the connection that the caller opened; all steps run in its one transaction
versions/    one file a step: NNNN_what_it_does.py; a released step never changes
"""
