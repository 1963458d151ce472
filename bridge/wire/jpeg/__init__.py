"""JPEG (ITU-T T.81) as far as a gateway must know it; a stream of it is called MJPEG. Every picture is a key frame.

image   marker segments, standard tables, what stands before the scan
rtp     RFC 2435: payloads to pictures and back
"""
