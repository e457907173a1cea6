"""What `groundup` can be asked for."""

COMMANDS = (
    "export",
    "run",
    "check",
    "diff",
    "notebooks",
    "site",
    "serve",
    "test",
    "bench",
    "results",
    "doctor",
    "clean",
)
