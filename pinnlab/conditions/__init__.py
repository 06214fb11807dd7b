"""pinnlab.conditions."""
