"""What `groundup` can be asked for."""

COMMANDS = (
    "export",
    "run",
    "lint",
    "check",
    "diff",
    "log",
    "notebooks",
    "start",
    "site",
    "serve",
    "test",
    "bench",
    "results",
    "doctor",
    "clean",
)
