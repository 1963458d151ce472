"""The WS-Discovery door: the device is found on 239.255.255.250:3702.

responder  the sockets of each interface around `dialogue.discovery.DiscoverableDevice`
"""
