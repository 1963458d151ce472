"""The media database (docs/design/store.md): what was recorded, whole after any crash. Knows no Twisted and no clock.

What lies on a storage:
layout          folders, names, and the small JSON files
format          the private boxes of a segment
sample_index    where the samples of a segment lie and when they were taken
segment_writer  appends fragments, finishes segments
walk            reads a segment box by box, without its samples
segment_reader  gives samples back as they came
chain           what was written and deleted, entry by entry, signed
verify          what was changed in a segment
recovery        after a start: finishes what a crash left open
check           whether files, index and chain agree; check_folder, check_rows
reindex         the index made anew from the files; fresh_rows

Where it is found:
index           which recording and segment lies where; open_index
  index_changes   what adding and deleting does to it
  oldest          what retention may delete
serials         stretches of serials
rows            the index's rows as values
gaps            when there is footage, when none
overlay         which of several segments is shown
schema          the tables of index.db; migrations: how they came about
database        a database of ours: migrations, one writer
  backend         what it lies on: sqlite, postgres
  read_only       looked at without changing any file of it
"""
