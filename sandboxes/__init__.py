"""Where does it run: containers, processes, recorded environments."""
