"""What long runs and the tests share: many plain sockets in one thread, and what a process weighs."""
