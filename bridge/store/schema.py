"""The tables of index.db: where what was recorded lies (docs/design/store.md), and what happened.

Every column says unit, meaning of null and who writes it. A change here needs a step in bridge/store/migrations/; a
test holds the two together. Times are nanoseconds since 1970 UTC; a stretch of time has its start in it and its end
not. All but `event` can be made anew from the files.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid

HEAD = "0001"
"""The migration that this schema is the result of."""

metadata = MetaData()

_COUNT = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER has up to 8 bytes by its value, and numbers rows by itself under this name alone."""

storages = Table(
    "storage",
    metadata,
    Column("id", Integer, primary_key=True, comment="our own number for it; the database fills it"),
    Column("uuid", Uuid, nullable=False, unique=True, comment="as in its storage.json; the recorder, once"),
    Column("name", Text, nullable=False, comment="as in the configuration; the recorder at each start"),
    Column("path", Text, nullable=False, comment="absolute folder where it was last; the recorder at each start"),
    comment="folders that hold recordings",
)

recordings = Table(
    "recording",
    metadata,
    Column("id", Integer, primary_key=True, comment="our own number for it; the database fills it"),
    Column("uuid", Uuid, nullable=False, unique=True, comment="as in its recording.json; the recorder, once"),
    Column("camera", Text, nullable=False, comment="camera id; the recorder, once"),
    Column("stream", Text, nullable=False, comment="stream name; the recorder, once"),
    Column("created_utc_ns", BigInteger, nullable=False, comment="when it was made; the recorder, once"),
    Column(
        "ended_utc_ns",
        BigInteger,
        nullable=True,
        comment="since when nothing is added, as camera or stream are gone; null: it goes on; the recorder",
    ),
    Column(
        "longest_ns",
        BigInteger,
        nullable=False,
        comment="longest time, in ns, from a segment's start to its end or to the next one of its run, whichever is"
        " later: how far look-ups go back; never falls; with each segment",
    ),
    Index("recording_by_camera", "camera", "stream"),
    comment="everything kept of one stream",
)

holdings = Table(
    "holding",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True, comment="whose; before the first segment"),
    Column("storage_id", ForeignKey("storage.id"), primary_key=True, comment="where; before the first segment"),
    Column(
        "last_serial",
        _COUNT,
        nullable=False,
        comment="highest serial that a segment there ever had, 0 before the first; never falls; with each segment",
    ),
    Column("segments", _COUNT, nullable=False, comment="how many segments lie there; with each that comes or goes"),
    Column("size_bytes", _COUNT, nullable=False, comment="their files together; with each that comes or goes"),
    Column(
        "chain_entries",
        _COUNT,
        nullable=False,
        comment="how many the chain ever had; with each of them",
    ),
    Column(
        "chain_link",
        LargeBinary,
        nullable=False,
        comment="SHA-256 of the chain's last entry without its signature, empty before the first; with each of them",
    ),
    comment="what a storage holds of a recording: sums, so that nobody counts segments, and the head of the chain",
    sqlite_with_rowid=False,
)

segments = Table(
    "segment",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True, comment="of which recording"),
    Column("serial", _COUNT, primary_key=True, autoincrement=False, comment="its number in the order of writing"),
    Column("run", _COUNT, nullable=False, comment="serial of the first segment of its run, as its file says"),
    Column("storage_id", ForeignKey("storage.id"), nullable=False, comment="where its file lies"),
    Column("start_utc_ns", BigInteger, nullable=False, comment="capture time of its first sample"),
    Column("end_utc_ns", BigInteger, nullable=False, comment="where its last sample ends"),
    Column("size_bytes", _COUNT, nullable=False, comment="length of the file"),
    Column("starts_with_key", Boolean, nullable=False, comment="false: no key frame at its start (cut for its length)"),
    Index("segment_by_time", "recording_id", "start_utc_ns", "serial"),
    Index("segment_by_storage", "storage_id", "recording_id", "start_utc_ns", "serial"),
    comment="a finished file; all columns once, by the recorder, after the file is synced",
    sqlite_with_rowid=False,
)

runs = Table(
    "run",
    metadata,
    Column("recording_id", ForeignKey("recording.id"), primary_key=True, comment="of which recording"),
    Column(
        "first_serial",
        _COUNT,
        primary_key=True,
        autoincrement=False,
        comment="first segment that is left; with the segment, and with deletions",
    ),
    Column("last_serial", _COUNT, nullable=False, comment="last segment; with each segment, and with deletions"),
    Column("run", _COUNT, nullable=False, comment="its name: serial of the segment that it began with; once"),
    Column("start_utc_ns", BigInteger, nullable=False, comment="start of the first segment; with it"),
    Column("end_utc_ns", BigInteger, nullable=False, comment="end of the last segment; with it"),
    Column(
        "interval_ns",
        BigInteger,
        nullable=False,
        comment="usual time between two frames, in ns: the largest that a segment of it reported; with each segment",
    ),
    Index("run_by_time", "recording_id", "start_utc_ns"),
    comment="segments first_serial to last_serial, without a break between them; a deletion may split one",
    sqlite_with_rowid=False,
)

events = Table(
    "event",
    metadata,
    Column("id", _COUNT, primary_key=True, comment="order of writing; never used again; the database fills it"),
    Column("utc_ns", BigInteger, nullable=False, comment="when it happened; who posts it"),
    Column("source", Text, nullable=False, comment='camera id or another token, "" for the device; who posts it'),
    Column("topic", Text, nullable=False, comment="ONVIF topic such as tns1:VideoSource/SignalLoss; who posts it"),
    Column("operation", Text, nullable=False, comment='Initialized, Changed, Deleted, "" for what has no state'),
    Column("data", Text, nullable=False, comment="JSON object of texts, numbers, true and false; who posts it"),
    Index("event_by_time", "utc_ns"),
    Index("event_by_source", "source", "utc_ns"),
    sqlite_autoincrement=True,
    comment="what happened; the oldest rows go first (limits.event_rows, limits.event_age)",
)
