// Evaluated inside a page of the server's by test_page_call.py: people who answer whoever calls them, and call nobody.
// So one real window has all its calls, and the others do not call each other too on a machine with two cores.

async ({ slug, names }) => {
  const { Api } = await import("/static/api.js");
  const { Calls } = await import("/static/calls.js");
  const { Connection } = await import("/static/connection.js");
  const api = new Api();

  /** A picture of somebody, with a point that moves: a still one would cost nothing. */
  function portrait(index, of) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const context = canvas.getContext("2d");
    const hue = (360 / of) * index;
    let turn = 0;
    setInterval(() => {
      turn += 0.2;
      context.fillStyle = `hsl(${hue} 45% 40%)`;
      context.fillRect(0, 0, 320, 180);
      context.fillStyle = `hsl(${hue} 55% 75%)`;
      context.beginPath();
      context.ellipse(160 + 6 * Math.sin(turn), 80, 34, 42, 0, 0, 7);
      context.ellipse(160, 190, 80, 60, 0, 0, 7);
      context.fill();
    }, 66);
    return canvas.captureStream(15).getVideoTracks()[0];
  }

  /** A soft tone. */
  function voice(index) {
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    const tone = new OscillatorNode(context, { frequency: 200 + 30 * index });
    tone.connect(new GainNode(context, { gain: 0.002 })).connect(out);
    tone.start();
    return out.stream.getAudioTracks()[0];
  }

  async function person(nickname, index) {
    const { access_token, user_id } = await api.guest(nickname);
    const tracks = { audio: voice(index), video: portrait(index, names.length) };
    return new Promise((resolve) => {
      const calls = new Calls({
        me: user_id, config: {}, tracks, changed() {}, send: (command) => connection.send(command),
      });
      const connection = new Connection({
        url: `${location.origin.replace("http", "ws")}/ws/rooms/${slug}`,
        token: async () => access_token,
        listener: {
          status(status) {
            if (status !== "live") return;
            connection.send({ type: "media.self", mic_muted: false, cam_off: false });
            resolve(user_id);
          },
          joined() {}, adopt() {}, acked() {}, event() {},
          refused: ({ reason }) => console.error(reason),
          ended: ({ code }) => console.error(`ended: ${code}`),
          signal: (signal) => calls.signal(signal),
        },
      });
      void connection.start();
    });
  }

  return Promise.all(names.map(person));
}
