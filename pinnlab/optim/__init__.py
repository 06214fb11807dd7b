"""pinnlab.optim."""
