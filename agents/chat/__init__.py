"""What is a turn of a session about: work for a specialist, what follows from earlier turns, or talk about them."""
