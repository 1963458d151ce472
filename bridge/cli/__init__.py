"""The command `onb`: reads arguments, prints tables or JSON, and turns every error into one sentence.

`service` (the root, serve, demo, check), `users`, `cameras`, `recordings` (with `integrity` and `evidence`),
`certificates`;
`terminal` is what they share towards people, `opened` what they open. Exit codes: 0 clean, 1 failed while running, 2
wrong usage or configuration. Data goes to standard output, everything else to standard error. What a command needs is
imported when it runs: the small ones start fast.
"""

from bridge.cli.service import app, main

__all__ = ["app", "main"]
