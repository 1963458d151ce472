"""Ground floor: what every floor above speaks of. Imports nothing of ours.

time     the three times that are never mixed, their units, `Clock`
media    `Track` and `AccessUnit`, the values that travel from a camera to every viewer
errors   the roots of our errors
tokens   ids of cameras and streams
"""
