"""The choice of a method for ``--method auto``."""
