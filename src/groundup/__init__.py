"""Deep Learning from the Ground Up: what a chapter may import from the book's tool."""

from groundup.extend import extend
from groundup.record import record
from groundup.recorded import recorded
from groundup.unlock import unlock

__all__ = ["extend", "record", "recorded", "unlock"]
