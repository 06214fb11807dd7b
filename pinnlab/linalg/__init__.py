"""pinnlab.linalg."""
