"""One file per table of a paper, each a function from where the data lie to the table's cells."""
