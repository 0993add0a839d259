"""What ``fewlabels label`` writes: a file per format, and what all of them begin with."""
