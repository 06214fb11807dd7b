"""pinnlab.io."""
