"""pinnlab.sampling."""
