"""Label files for other programs: one module per format, and what all formats read from a run."""
