// Put into a page by bad_line.py: the addresses of others are exchanged for those of the relay before they are used.

{
  const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype;

  /** "candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host …"; what is not UDP over IPv4 is left out. */
  async function detoured(text) {
    const [head, component, protocol, priority, address, port, ...rest] = text.split(" ");
    if (protocol.toLowerCase() !== "udp" || !/^[\d.]+$/.test(address)) return null;
    const relay = await globalThis.relayTo(address, Number(port));
    return [head, component, protocol, priority, "127.0.0.1", relay, ...rest].join(" ");
  }

  RTCPeerConnection.prototype.addIceCandidate = async function (init) {
    const candidate = await detoured(init.candidate);
    if (candidate) await addIceCandidate.call(this, { ...init, candidate });
  };

  /** A description that is sent again lists addresses too. */
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: sdp.replace(/^a=(candidate:|end-of-candidates).*\r\n/gm, "") });
  };
}
