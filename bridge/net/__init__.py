"""What several doors need between Twisted's sockets and themselves; it knows no service.

writer.py        the one ordered writer of a connection: replies and media, straight to the socket
carrier.py       a transport around another one
websocket.py     … that of a WebSocket
http.py          requests and responses as values, limits of a port
http_channel.py  one HTTP connection, screened from its first lines on
http_door.py     an HTTP port and its connections
takeover.py      how another door takes an HTTP connection over
addresses.py     under which address a client knows us
"""
