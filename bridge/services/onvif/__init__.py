"""The ONVIF door: SOAP over HTTP on port 580.

call       one call as a handler sees it; what a handler is
schemas    the services we speak and where their schemas lie
service    a request's way: envelope, operation, log-in, validation, handler, answer
server     the HTTP port around it: limits before buffering, log-in for plain resources such as snapshots
"""
