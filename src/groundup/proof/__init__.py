"""Whether a re-creation equals the real thing: one module for each kind of thing, chosen by one table (`kinds`)."""

from groundup.proof.claim import Claim
from groundup.proof.compare import Proof, UnlockError
from groundup.proof.kinds import kind_of
from groundup.proof.prove import prove

__all__ = ["Claim", "Proof", "UnlockError", "kind_of", "prove"]
