// Put into the page before it begins, by windows.py: remembers every RTCPeerConnection, so that tests can ask them.

globalThis.peersMade = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    globalThis.peersMade.push(this);
  }
};

globalThis.peersSeen = async () => {
  const open = globalThis.peersMade.filter((peer) => peer.connectionState !== "closed");
  return Promise.all(open.map(async (peer) => {
    const seen = { number: globalThis.peersMade.indexOf(peer), state: peer.connectionState, frames: 0, packets: 0 };
    for (const report of (await peer.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") seen.frames += report.framesDecoded ?? 0;
      if (report.type === "inbound-rtp" && report.kind === "audio") seen.packets += report.packetsReceived ?? 0;
    }
    const sending = peer.getTransceivers().filter(({ currentDirection }) => /send/.test(currentDirection ?? ""));
    return { ...seen, sends: sending.map(({ sender, receiver }) => (sender.track ?? receiver.track).kind) };
  }));
};
