"""What may one call use up: a control group of the kernel for each call, and what dead owners left of them."""
