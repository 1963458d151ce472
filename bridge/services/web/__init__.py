"""The web door on 8081 and 8082: the REST API, video for browsers, the page; docs/design/web.md.

routes.py    the table: which method on which path, for whom, what goes in and out
door.py      the HTTP port: screens, reads input, encodes answers by that table
problems.py  errors as problem documents
sockets.py   WebSockets, from the same kind of table
status.py    /healthz and /metrics
login.py     who is calling: passwords, cookies, tokens
cookies.py   … as browsers carry them
passwords.py … and the queue in front of the one thread that compares passwords
session.py   /api/v1/session
tokens.py    /api/v1/tokens
users.py     /api/v1/users
openapi.py   the table as an OpenAPI document

Resources, each with its models: cameras.py, camera_changes.py, stills.py (snapshots), recordings.py, exports.py,
views.py, system.py, certificates.py, notices.py (a WebSocket that tells what to fetch again).

times.py     times as they are taken
files.py     a file as a response, whole or in parts
"""
