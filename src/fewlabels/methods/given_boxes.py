"""The parameter by which a method trains its second network on the boxes of another run, not on its own."""

from dataclasses import dataclass

from fewlabels.methods.method import Parameters, parameter

OWN = "own"
"""Value of the parameter for boxes that the method makes itself."""


@dataclass(frozen=True)
class GivenBoxesParameters(Parameters):
    """Base class of the parameters of methods that can learn the boxes of another run, ``Problem.boxes``."""

    generator: str = parameter(
        OWN, "folder of a finished run of --task localize on the same images, whose boxes the second network learns; "
        "own: the method makes them itself"
    )  # fmt: skip

    @property
    def given(self) -> bool:
        """Whether the boxes come from another run."""
        return self.generator not in ("", OWN)
