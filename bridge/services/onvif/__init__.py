"""The ONVIF door: SOAP over HTTP on port 580.

server              the port; its connections are bridge/net's
admission           what is refused by the head of a request alone
service             a request's way: envelope, operation, log-in, rights, validation, handler, answer
login, policy       who calls, and who may call what (wsdl/operations.json)
call                one call as a handler sees it
schemas             the services we speak and where their schemas lie
served              the handlers: device, media, media2, deviceio, over profiles, answers and host;
                    recording, search, replay, over recorded, recording_parts, recording_events
slices, warming     lists of all cameras without a break in anybody's video: in slices, and rendered ahead
snapshot            still pictures on the same port
"""
