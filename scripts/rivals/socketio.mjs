// What people write with Socket.IO: its own rooms, over WebSocket alone, nothing stored. node socketio.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { transports: ["websocket"] });
const seqs = new Map();

io.on("connection", (socket) => {
  const { room, user } = socket.handshake.query;
  socket.join(room);
  socket.emit("message", { type: "welcome", next_seq: (seqs.get(room) ?? 0) + 1 });
  socket.on("message", ({ type, text }) => {
    if (type !== "chat.message" || typeof text !== "string" || text.length > 4000) return;
    const seq = (seqs.get(room) ?? 0) + 1;
    seqs.set(room, seq);
    io.to(room).emit("message", {
      type, seq, created_at: new Date().toISOString(), id: seq, user_id: Number(user), room_slug: room, text });
  });
});

server.listen(Number(process.argv[2]), "127.0.0.1", 4096, () => console.log(`ready at http://127.0.0.1:${process.argv[2]}`));
