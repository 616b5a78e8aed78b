// What test_sealed_browser.py has a page do: the page's own modules, and the requests around them.

async function begin(me, token) {
  globalThis.sealedLines = await import("/static/sealed.js");
  globalThis.me = me;
  globalThis.token = token;
  globalThis.device = await sealedLines.makeDevice();
  globalThis.roomKeys = new Map();
}

async function ask(method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function show() {
  await ask("PUT", "/api/users/me/device_key", { x25519_b64: device.x25519_b64 });
}

async function beginEpoch(slug) {
  const { key_epoch, members } = await ask("GET", `/api/crypto/${slug}`);
  const roomKey = sealedLines.makeRoomKey();
  const shares = await sealedLines.makeShares(roomKey, slug, key_epoch + 1, members);
  const began = await ask("POST", `/api/crypto/${slug}/epochs`, { key_epoch: key_epoch + 1, shares });
  roomKeys.set(began.key_epoch, roomKey);
  return began;
}

async function share(slug) {
  const { key_epoch, members } = await ask("GET", `/api/crypto/${slug}`);
  const newcomers = members.filter((member) => !member.has_share);
  const shares = await sealedLines.makeShares(roomKeys.get(key_epoch), slug, key_epoch, newcomers);
  return ask("POST", `/api/crypto/${slug}/epochs/${key_epoch}/shares`, { shares });
}

async function fetchKey(slug, epoch) {
  const query = epoch === null ? "" : `?key_epoch=${epoch}`;
  const { key_epoch, wrapped_key_b64 } = await ask("GET", `/api/crypto/${slug}/my_key${query}`);
  const roomKey = await sealedLines.openShare(device.pair, wrapped_key_b64, slug, key_epoch, me);
  roomKeys.set(key_epoch, roomKey);
  return sealedLines.toBase64(roomKey);
}

async function sealed(slug, epoch, text) {
  const ciphertext_b64 = await sealedLines.sealLine(roomKeys.get(epoch), slug, epoch, me, text);
  return { algo: sealedLines.ALGO, ciphertext_b64, key_epoch: epoch };
}

async function opened({ room_slug, key_epoch, user_id, ciphertext_b64 }) {
  const roomKey = roomKeys.get(key_epoch);
  if (!roomKey) return null;
  return sealedLines.openLine(roomKey, room_slug, key_epoch, user_id, ciphertext_b64).catch(() => null);
}
