"""The tables of config.db: what the command line and the API add, who this device is, who did what.

Every column says unit, meaning of null and who writes it. A change here needs a step in bridge/system/migrations/;
a test holds the two together. Times are nanoseconds since 1970 UTC.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid

HEAD = "0004"
"""The migration that this schema is the result of."""

metadata = MetaData()

users = Table(
    "user",
    metadata,
    Column("name", Text, primary_key=True, comment="log-in name; written by `onb users add`"),
    Column("secret", LargeBinary, comment="password, sealed; null: only its hash is known; `onb users add`, the API"),
    Column("role", Text, nullable=False, comment="administrator, operator or viewer; `onb users add`"),
    Column("cameras", Text, nullable=False, comment="JSON list of camera id patterns; `onb users add`"),
    Column("grants", Text, nullable=False, comment='JSON list of {"cameras", "actions"}; `onb users add`'),
    Column("doors", Text, nullable=False, comment="JSON list of doors, [] means all; `onb users add`"),
    Column("fast_start", Boolean, nullable=False, comment="live starts from the current GOP; `onb users add`"),
    Column("created_utc_ns", BigInteger, nullable=False, comment="when it was added; `onb users add`"),
    Column("changed_utc_ns", BigInteger, nullable=False, comment="when the password was last set"),
    Column("password_hash", Text, comment="argon2, of a user of the web door alone; null: secret is set; the API"),
    comment="users beside those of the file",
)

cameras = Table(
    "camera",
    metadata,
    Column("position", Integer, primary_key=True, comment="order of adding; never used again; SQLite fills it"),
    Column("id", Text, nullable=False, unique=True, comment="camera id; `onb cameras add`"),
    Column("definition", LargeBinary, nullable=False, comment="[[camera]] as JSON, sealed, as addresses hold log-ins"),
    Column("created_utc_ns", BigInteger, nullable=False, comment="when it was added; `onb cameras add`"),
    sqlite_autoincrement=True,
    comment="cameras beside those of the file",
)

identity = Table(
    "identity",
    metadata,
    Column(
        "name",
        Text,
        primary_key=True,
        comment="device_uuid, serial, nonce_key, recorder_uuid or signing_key; at the first start",
    ),
    Column("value", LargeBinary, nullable=False, comment="sealed text; never changes"),
    comment="who this device is; clients and their licences hold on to it",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, comment="order of writing; never used again; SQLite fills it"),
    Column("utc_ns", BigInteger, nullable=False, comment="when it happened, by the host's clock; the service"),
    Column("principal", Text, nullable=False, comment='user name as claimed, "" when nobody was; the service'),
    Column("action", Text, nullable=False, comment="live.play, login …; the service"),
    Column("object", Text, nullable=False, comment='camera id, path or token, "" when none; the service'),
    Column("outcome", Text, nullable=False, comment="ok, refused or a short reason; the service"),
    Column("peer", Text, nullable=False, comment="address and port of the other side; the service"),
    Index("audit_by_time", "utc_ns"),
    sqlite_autoincrement=True,
    comment="who did what; the oldest rows go first (limits.audit_rows)",
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Uuid, primary_key=True, comment="its name for ever, also on the storages; `onb recordings lock`"),
    Column("recording", Uuid, nullable=False, comment="UUID of the recording; `onb recordings lock`"),
    Column("from_utc_ns", BigInteger, nullable=False, comment="begin of what is kept; `onb recordings lock`"),
    Column("until_utc_ns", BigInteger, nullable=False, comment="its end, not in it; `onb recordings lock`"),
    Column("who", Text, nullable=False, comment="name of the user who locked it; the door he came through"),
    Column("why", Text, nullable=False, comment='his reason, "" when he gave none; the door he came through'),
    Column("created_utc_ns", BigInteger, nullable=False, comment="when it was locked; the door he came through"),
    Column("expires_utc_ns", BigInteger, nullable=True, comment="until when it counts; null: until it is unlocked"),
    Index("evidence_by_recording", "recording"),
    comment="footage that no rule deletes",
)

camera_certificates = Table(
    "camera_certificate",
    metadata,
    Column("camera", Text, primary_key=True, comment="camera id; the service, at the first TLS connection to it"),
    Column("address", Text, primary_key=True, comment="host and port that it was called at; the service"),
    Column("sha256", Text, nullable=False, comment="of the certificate, hexadecimal; the service, `onb cameras trust`"),
    Column("offered", Text, nullable=True, comment="of the one shown last instead; null: no other; the service"),
    Column("since_utc_ns", BigInteger, nullable=False, comment="since when it is trusted; as sha256"),
    comment="certificates that cameras are trusted with",
)

web_sessions = Table(
    "web_session",
    metadata,
    Column("id", Text, primary_key=True, comment="random, no secret; the service, at the log-in"),
    Column("user", Text, nullable=False, comment="who logged in; the service"),
    Column("refresh_sha256", LargeBinary, nullable=False, comment="of the refresh token; the service, at each refresh"),
    Column("previous_sha256", LargeBinary, comment="of the one before; null: never refreshed; as refresh_sha256"),
    Column("refreshed_utc_ns", BigInteger, nullable=False, comment="when it was refreshed last; as refresh_sha256"),
    Column("created_utc_ns", BigInteger, nullable=False, comment="time of the log-in; the service"),
    Column("expires_utc_ns", BigInteger, nullable=False, comment="when it ends if nobody refreshes; the service"),
    Column("peer", Text, nullable=False, comment="address and port of the log-in; the service"),
    comment="who is logged in at the web door; tokens themselves are nowhere",
)

api_tokens = Table(
    "api_token",
    metadata,
    Column("id", Text, primary_key=True, comment="random, no secret; the service"),
    Column("user", Text, nullable=False, comment="whose rights it has; the service"),
    Column("name", Text, nullable=False, comment="what it is for, in his words; the service"),
    Column("sha256", LargeBinary, nullable=False, unique=True, comment="of the token; the service"),
    Column("created_utc_ns", BigInteger, nullable=False, comment="when it was made; the service"),
    Column("expires_utc_ns", BigInteger, comment="when it ends; null: when it is revoked; the service"),
    Column("used_utc_ns", BigInteger, comment="last use, to the hour; null: never; the service"),
    comment="tokens that users made for programs",
)

views = Table(
    "view",
    metadata,
    Column("id", Text, primary_key=True, comment="random; the service"),
    Column("owner", Text, nullable=False, comment="user who saved it; the service"),
    Column("name", Text, nullable=False, comment="in his words; the service"),
    Column("shared", Boolean, nullable=False, comment="whether others see it; the service"),
    Column("definition", Text, nullable=False, comment='JSON {"layout", "cells"}; the service'),
    Column("changed_utc_ns", BigInteger, nullable=False, comment="when it was saved last; the service"),
    comment="arrangements of cameras on the page",
)
