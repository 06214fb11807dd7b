"""pinnlab.equations."""
