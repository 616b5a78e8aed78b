// What people write with `ws`: a set of sockets a room, each message encoded once, nothing stored. node ws.mjs PORT
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const rooms = new Map();
const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://localhost");
  const slug = url.pathname.slice(1), user = Number(url.searchParams.get("user"));
  const room = rooms.get(slug) ?? { seq: 0, inside: new Set() };
  rooms.set(slug, room);
  room.inside.add(socket);
  socket.send(JSON.stringify({ type: "welcome", next_seq: room.seq + 1 }));
  socket.on("message", (data) => {
    const { type, text } = JSON.parse(data);
    if (type !== "chat.message" || typeof text !== "string" || text.length > 4000) return;
    const seq = ++room.seq;
    const message = Buffer.from(JSON.stringify({
      type, seq, created_at: new Date().toISOString(), id: seq, user_id: user, room_slug: slug, text }));
    for (const peer of room.inside) peer.send(message, { binary: false });
  });
  socket.on("close", () => room.inside.delete(socket));
});

server.listen(Number(process.argv[2]), "127.0.0.1", 4096, () => console.log(`ready at http://127.0.0.1:${process.argv[2]}`));
