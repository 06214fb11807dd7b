"""pinnlab.config."""
