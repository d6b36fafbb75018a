"""What ends a command with one line: what, where, what to do."""


class BenchError(Exception):
    """The server, its load, an arm or the machine does not do what a measurement needs."""


class UsageError(BenchError):
    """The command line is wrong."""
