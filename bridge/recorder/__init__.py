"""The recorder: from live streams to segments on disk (docs/design/store.md). Without Twisted: it has its own threads.

recorder.py       storages and recordings, as the settings say
  settings        what they say, and how each thing is       running           each of them as it runs
  clerk           a thread for questions to the index         news              what is told of them
cutter.py         a hub's units -> fragments and runs         gate.py           always, on motion, by schedule; pre-roll
  schedule        times of the week                           segment_rule      which fragment begins a segment
storage.py        a storage's two threads                     disk.py           its folder: opened, recovered, filled
  lane            one recording on it                         removal           what goes from it
  keeper          in whose name all this is written           retention         the rules for that
  write_queue     what waits for the writer, bounded          storage_state     how it is, in a sentence
  latency         how long its calls take                     clock_watch       whether the clock was set far forward
export.py         a stretch as one plain MP4                  listing.py        recordings since when, until when, gaps
lending.py        what is being written, as rows for readers  prelude.py        what comes before a storage is ready
replay.py         footage in the order of ONVIF replay
  replay_marks    which unit begins and ends what
library.py        what the doors to the past ask              history           when footage begins and ends
"""
