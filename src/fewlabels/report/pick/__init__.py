"""Which images a page shows, and what is measured for it when a run ends."""
