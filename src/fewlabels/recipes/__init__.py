"""Recipes: one module per table of a paper, each with a function from the root of the data to the table's cells."""
