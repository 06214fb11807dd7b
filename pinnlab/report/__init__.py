"""pinnlab.report."""
