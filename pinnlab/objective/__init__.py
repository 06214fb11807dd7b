"""pinnlab.objective."""
