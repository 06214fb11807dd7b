"""pinnlab.training."""
