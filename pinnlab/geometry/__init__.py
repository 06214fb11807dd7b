"""pinnlab.geometry."""
