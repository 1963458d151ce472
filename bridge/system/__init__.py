"""What every door asks: which cameras, who may do what, how the program is set up.

config.py          every key of the configuration as a model   config_load.py   file -> Config, or every fault
config_values.py   durations, sizes, ${NAME}, addresses        config_checks.py what two keys say together
camera_url.py      a camera's address, its log-in apart        config_diff.py   what a reload changes
database.py        config.db, opened                           schema.py        its tables; migrations/ beside it
database_address.py  where PostgreSQL is, its log-in escaped
identity.py        who this device is; stays for ever          secrets.py       the key file and what it seals
users.py           users of the file and of the database       stored_cameras.py  cameras added by `onb cameras`
access.py          the gatekeeper: may this principal?         lockout.py       slows down who guesses passwords
catalogue.py       cameras and streams as they are now         control.py       how `onb` asks the running service
audit.py           the audit call                              audit_log.py     its rows in config.db
events.py          what happened, kept in index.db           evidence.py      footage that no rule deletes
data_lock.py       one service on a data folder               evidence_copies.py  … copied beside the footage
logs.py            one line an event, without secrets          multicast_groups.py  which group a stream has
"""
