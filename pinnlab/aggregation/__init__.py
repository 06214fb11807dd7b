"""pinnlab.aggregation."""
