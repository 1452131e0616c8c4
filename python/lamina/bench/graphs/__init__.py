"""Networks that are graphs: the same five written for each library."""
