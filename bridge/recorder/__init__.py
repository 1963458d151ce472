"""The recorder: from live streams to segments on disk (docs/design/store.md). Without Twisted: it has its own threads.

cutter.py         a hub's units -> fragments and runs         schedule.py       times of the week
gate.py           always, on motion, by schedule; pre-roll    segment_rule.py   which fragment begins a segment
"""
