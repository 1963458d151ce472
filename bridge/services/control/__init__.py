"""The Unix socket by which `onb` asks the running service.

server.py    the listening side; what is asked and answered is bridge/system/control.py
"""
