"""pinnlab.weighting."""
