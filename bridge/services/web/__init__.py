"""The web door on 8081 and 8082: the REST API, video for browsers, the page; docs/design/web.md.

routes.py    the table: which method on which path, for whom, what goes in and out
door.py      the HTTP port: screens, reads input, encodes answers by that table
problems.py  errors as problem documents
sockets.py   WebSockets, from the same kind of table
page.py      the page itself: files of bridge/client
status.py    /healthz and /metrics
"""
