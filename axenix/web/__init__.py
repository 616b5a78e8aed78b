"""HTTP and sockets: read, ask the room, answer. One module a resource; no handler changes anything by itself."""
