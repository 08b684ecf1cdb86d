"""A specialist whose trial changes a file and whose adoption counts on a server and changes another file."""
