// Evaluated inside the page by test_page.py: two Calls that talk over a wire which loses, refuses and crosses signals.

async () => {
  const { Calls } = await import("/static/calls.js");
  const state = { participants: [{ user_id: 1 }, { user_id: 2 }] };
  const joined = (user_id) => ({ type: "member.joined", user_id });

  /** A side of the wire. `bend` may keep a signal (false), or refuse it (a reason). */
  function side(me, wire, bend = () => true) {
    const calls = new Calls({
      me, config: {}, changed() {}, tracks: { ...wire.tracks },
      send(command) {
        const verdict = bend(command);
        if (verdict === true) setTimeout(() => wire[command.to]?.signal({ ...command, from: me }), 5);
        if (typeof verdict === "string") setTimeout(() => wire[me].refused({ cid: command.cid, reason: verdict }), 5);
        return true;
      },
    });
    wire[me] = calls;
    return calls;
  }

  async function connected(wire) {
    const both = () => wire[1].peer(2)?.connected && wire[2].peer(1)?.connected;
    for (let wait = 0; wait < 200 && !both(); wait++) await new Promise((resolve) => setTimeout(resolve, 100));
    return both() ? "connected" : "not connected";
  }

  /** Somebody whose page is older: sound and camera, and no word of screens. Its Calls are one RTCPeerConnection. */
  function elder(me, wire, other) {
    const pc = new RTCPeerConnection();
    for (const kind of ["audio", "video"]) pc.addTransceiver(kind);
    const tell = ({ type, sdp }) => setTimeout(() => wire[other].signal({ type, sdp, from: me, to: other }), 5);
    pc.onicecandidate = ({ candidate }) => candidate && setTimeout(() =>
      wire[other].signal({ type: "ice", candidate: candidate.toJSON(), from: me, to: other }), 5);
    let queue = Promise.resolve();
    const signal = async ({ type, sdp, candidate }) => {
      if (type === "ice") return pc.addIceCandidate(candidate);
      await pc.setRemoteDescription({ type, sdp });
      if (type !== "offer") return;
      await pc.setLocalDescription();
      tell(pc.localDescription);
    };
    wire[me] = {
      pc, refused() {},
      peer: () => ({ connected: pc.connectionState === "connected" }),
      signal: (command) => (queue = queue.then(() => signal(command))),
      async call() {
        await pc.setLocalDescription();
        tell(pc.localDescription);
      },
    };
    return wire[me];
  }

  const until = async (so) => {
    for (let wait = 0; wait < 100 && !so(); wait++) await new Promise((resolve) => setTimeout(resolve, 100));
    return so();
  };

  const lose = (type, count) => (command) => command.type !== type || count-- <= 0;
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const tracks = { audio: media.getAudioTracks()[0], video: media.getVideoTracks()[0] };

  const cases = {
    async "both call at once"(wire) {
      side(1, wire).take(joined(1), state);
      side(2, wire).take(joined(2), state);
      return connected(wire);
    },
    async "the offer is lost"(wire) {
      side(1, wire);
      side(2, wire, lose("offer", 1)).take(joined(2), state);
      return connected(wire);
    },
    async "the answer is lost"(wire) {
      side(1, wire, lose("answer", 1));
      side(2, wire).take(joined(2), state);
      return connected(wire);
    },
    async "one side begins anew"(wire) {
      side(1, wire);
      side(2, wire).take(joined(2), state);
      await connected(wire);
      wire[2].close();
      side(2, wire).take(joined(2), state); // the other never hears that the first one went
      return connected(wire);
    },
    async "sending sound is refused"(wire) {
      const sound = (command) => /m=audio(?:(?!m=)[^])*a=sendrecv/.test(command.sdp ?? "");
      side(1, wire);
      side(2, wire, (command) => (sound(command) ? "mute_all" : true)).take(joined(2), state);
      const result = await connected(wire);
      const sends = (await globalThis.peersSeen()).map((peer) => peer.sends.join(" and "));
      return sends.includes("video") ? `${result}, sending video` : `${result}, sending ${sends}`;
    },
    async "both share a screen at once, and one ends"(wire) {
      side(1, wire).take(joined(1), state);
      side(2, wire).take(joined(2), state);
      await connected(wire);
      wire[1].replace("screen", tracks.video.clone());
      wire[2].replace("screen", tracks.video.clone());
      const seen = await until(() => wire[1].peer(2).screen && wire[2].peer(1).screen);
      wire[1].replace("screen", null);
      const gone = await until(() => !wire[2].peer(1).screen && wire[1].peer(2).screen);
      return seen && gone ? "connected" : `seen: ${seen}, gone: ${gone}`;
    },
    async "an older page calls, and is shown a screen"(wire) {
      side(1, wire);
      await elder(2, wire, 1).call();
      if ((await connected(wire)) !== "connected") return "not connected";
      wire[1].replace("screen", tracks.video.clone());
      const directions = () => wire[2].pc.getTransceivers().map(({ currentDirection }) => currentDirection).join(" ");
      await until(() => directions() === "sendrecv sendrecv recvonly");
      return directions();
    },
  };

  const outcomes = await Promise.all(Object.entries(cases).map(async ([name, play]) => {
    const wire = { tracks };
    const outcome = await play(wire);
    return [name, outcome];
  }));
  return Object.fromEntries(outcomes);
}
