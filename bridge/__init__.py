"""Open Network Bridge: an ONVIF/RTSP gateway and protocol bridge.

The folders are floors; imports point down only (docs/design/architecture.md):

    cli, app                     arguments; builds every object, starts and stops them
    services/  sim/              the doors, each a thin Twisted shell; simulated cameras
    system/                      cameras, users, rights, configuration, audit
    media/                       live hub and fan-out
    dialogue/                    conversations without sockets
    wire/                        bytes <-> values
    base/                        time, errors, tokens, tracks and access units
"""

__version__ = "0.1.0"
