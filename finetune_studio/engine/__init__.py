"""Does the work: every long job is an iterator of events, the same for the window and the terminal."""
