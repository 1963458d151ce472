"""How the service is: numbers for Prometheus and a watch over the reactor.

collector.py  reads what the other parts count anyway, when somebody asks; nothing is counted twice
watchdog.py   measures the reactor's lag and names what held it
"""
