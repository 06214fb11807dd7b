"""pinnlab.calculus."""
