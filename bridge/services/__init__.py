"""The doors and windows, each a thin Twisted shell; none of them knows another.

onvif/      SOAP and snapshots on 580          ingest/     pulls the cameras
rtsp/       live video on 554                  transcode/  worker processes: where pixels exist
discovery/  WS-Discovery                       metrics/    numbers, and a watch over the reactor
web/        health and metrics on 8081         control/    the socket that `onb` asks
tls/        TLS in front of any of the doors
"""
