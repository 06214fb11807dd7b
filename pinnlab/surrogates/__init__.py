"""pinnlab.surrogates."""
