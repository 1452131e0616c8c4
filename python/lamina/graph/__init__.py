"""Values that are not computed yet, and the graphs of operations that will compute them."""
