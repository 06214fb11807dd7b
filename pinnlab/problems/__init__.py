"""pinnlab.problems."""
