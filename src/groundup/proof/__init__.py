"""Whether a re-creation equals the real thing: forward, backward and one training step, in float64."""

from groundup.proof.compare import Proof, UnlockError
from groundup.proof.prove import prove

__all__ = ["Proof", "UnlockError", "prove"]
