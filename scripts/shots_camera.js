// Put into the page before it begins, by shots.py: a drawn person sits where the camera would look, in a room of their
// own, moves a little, and is silent unless `globalThis.actor.speaks`. Devices have names as they have in shops.

const { actor } = globalThis;
const WIDTH = 960;
const HEIGHT = 540;
const LOOKS = [
  { skin: "#f0c3a2", hair: "#5b3420", style: "long", shirt: "#2f7d7a", wall: ["#e9dccb", "#cdb79e"], room: "window" },
  { skin: "#8d5a3b", hair: "#1c1512", style: "short", shirt: "#f2f0ea", wall: ["#3d5a73", "#25394c"], room: "shelf", beard: true },
  { skin: "#f4cfb4", hair: "#c98a3c", style: "bun", shirt: "#b5475a", wall: ["#dfe7e4", "#b3c4bd"], room: "plant" },
  { skin: "#d99f74", hair: "#2a1c16", style: "short", shirt: "#4c5fa8", wall: ["#f0e4d0", "#d6bd95"], room: "lamp", glasses: true },
  { skin: "#eec09d", hair: "#8a8a8d", style: "short", shirt: "#39414f", wall: ["#c9d3dc", "#96a5b3"], room: "shelf", beard: true },
  { skin: "#f1c9a5", hair: "#17131a", style: "bob", shirt: "#e3a13b", wall: ["#5f6f62", "#3f4c42"], room: "window", glasses: true },
  { skin: "#6f4430", hair: "#15100e", style: "curly", shirt: "#d96c4a", wall: ["#ecd9d0", "#cba99a"], room: "plant" },
  { skin: "#e8b48c", hair: "#3b2317", style: "curly", shirt: "#6a4c8c", wall: ["#d9d2e6", "#a99dc2"], room: "lamp" },
  { skin: "#f3cdb0", hair: "#70401f", style: "bald", shirt: "#6e7f4e", wall: ["#40535c", "#26343b"], room: "window", beard: true },
];
const look = LOOKS[actor.index % LOOKS.length];

function canvas(width, height) {
  const element = document.createElement("canvas");
  return Object.assign(element, { width, height });
}

function shade(colour, by) {
  const part = (at) => Math.round(Math.min(255, Math.max(0, parseInt(colour.slice(at, at + 2), 16) * by)));
  return `rgb(${part(1)}, ${part(3)}, ${part(5)})`;
}

function gradient(pen, [x, y, x2, y2], from, to) {
  const paint = pen.createLinearGradient(x, y, x2, y2);
  paint.addColorStop(0, from);
  paint.addColorStop(1, to);
  return paint;
}

function blob(pen, paint, ...ellipses) {
  pen.fillStyle = paint;
  for (const [x, y, width, height = width, turn = 0] of ellipses) {
    pen.beginPath();
    pen.ellipse(x, y, width, height, turn, 0, 2 * Math.PI);
    pen.fill();
  }
}

function box(pen, paint, ...rectangles) {
  pen.fillStyle = paint;
  for (const [x, y, width, height, round = 0] of rectangles) {
    pen.beginPath();
    pen.roundRect(x, y, width, height, round);
    pen.fill();
  }
}

function stroke(pen, paint, width, draw) {
  Object.assign(pen, { strokeStyle: paint, lineWidth: width, lineCap: "round" });
  pen.beginPath();
  draw(pen);
  pen.stroke();
}

const ROOMS = {
  window(pen) {
    box(pen, "#ffffff55", [600, 30, 280, 330, 8]);
    box(pen, gradient(pen, [0, 40, 0, 350], "#d7ecf7", "#f7f3df"), [612, 42, 122, 306], [746, 42, 122, 306]);
    blob(pen, "#8fae7f", [660, 350, 80, 60], [800, 352, 96, 70]);
    box(pen, look.wall[1], [560, 360, 380, 200]);
    box(pen, "#ffffff30", [60, 90, 150, 190, 6]);
    blob(pen, "#ffffff38", [135, 185, 48]);
  },
  shelf(pen) {
    const spines = ["#c8553d", "#e9c46a", "#588b8b", "#f2efe6", "#8d6a9f", "#d08c60", "#47617a"];
    for (const [row, y] of [[0, 60], [1, 215], [2, 370]]) {
      box(pen, "#00000030", [620, y + 128, 330, 12]);
      for (let book = 0; book < 11; book += 1) {
        const height = 84 + ((book * 37 + row * 23) % 40);
        box(pen, spines[(book * 3 + row * 2) % 7], [634 + book * 28, y + 128 - height, 22, height, 2]);
      }
    }
    box(pen, "#ffffff22", [70, 70, 170, 120, 4]);
    box(pen, "#e9c46a88", [84, 84, 142, 92]);
  },
  plant(pen) {
    box(pen, "#00000022", [0, 430, 960, 14]);
    box(pen, "#c1764f", [130, 340, 110, 100, 14]);
    for (let leaf = 0; leaf < 9; leaf += 1) {
      const turn = -1.4 + leaf * 0.35;
      blob(pen, leaf % 2 ? "#5f8f63" : "#49774f", [185 + Math.sin(turn) * 95, 300 - Math.cos(turn) * 100, 26, 88, turn]);
    }
    box(pen, "#ffffff66", [690, 80, 170, 220, 4]);
    blob(pen, "#d98f6c99", [760, 180, 44], [805, 220, 34]);
  },
  lamp(pen) {
    const glow = pen.createRadialGradient(780, 190, 10, 780, 190, 330);
    glow.addColorStop(0, "#fff3c9ee");
    glow.addColorStop(1, "#fff3c900");
    box(pen, glow, [400, 0, 560, 540]);
    box(pen, "#5b4a3a", [775, 220, 10, 260]);
    pen.fillStyle = "#fbe6b4";
    pen.beginPath();
    pen.moveTo(735, 130), pen.lineTo(825, 130), pen.lineTo(860, 235), pen.lineTo(700, 235);
    pen.fill();
    box(pen, "#00000018", [80, 110, 130, 170, 4], [230, 150, 90, 130, 4]);
    box(pen, "#ffffff55", [92, 122, 106, 146], [240, 160, 70, 110]);
  },
};

function background() {
  const sharp = canvas(WIDTH, HEIGHT);
  const pen = sharp.getContext("2d");
  box(pen, gradient(pen, [0, 0, WIDTH, HEIGHT], ...look.wall), [0, 0, WIDTH, HEIGHT]);
  ROOMS[look.room](pen);
  const soft = canvas(WIDTH, HEIGHT);
  const far = soft.getContext("2d");
  far.filter = "blur(7px)"; // as far things are
  far.drawImage(sharp, -16, -9, WIDTH + 32, HEIGHT + 18);
  return soft;
}

function hairBehind(pen) {
  const { hair, style } = look;
  const paint = gradient(pen, [380, 90, 600, 420], shade(hair, 1.15), shade(hair, 0.75));
  if (style === "long") {
    box(pen, paint, [362, 120, 236, 330, [118, 118, 60, 60]]);
  } else if (style === "bob") {
    box(pen, paint, [364, 112, 232, 250, [116, 116, 40, 40]]);
  } else if (style === "bun") {
    blob(pen, paint, [480, 92, 56, 50], [480, 200, 116, 118]);
  } else if (style === "curly") {
    for (let lock = 0; lock < 15; lock += 1) {
      const turn = Math.PI * (0.86 + lock * 0.0914);
      blob(pen, paint, [480 + Math.cos(turn) * 102, 205 + Math.sin(turn) * 104, 40]);
    }
  }
}

function body(pen) {
  pen.fillStyle = gradient(pen, [0, 380, 0, 560], look.shirt, shade(look.shirt, 0.72));
  pen.beginPath();
  pen.moveTo(200, 560);
  pen.bezierCurveTo(205, 440, 290, 412, 410, 386);
  pen.lineTo(550, 386);
  pen.bezierCurveTo(670, 412, 755, 440, 760, 560);
  pen.fill();
  box(pen, shade(look.skin, 0.84), [438, 300, 84, 96, 20]);
  blob(pen, shade(look.skin, 0.84), [480, 390, 62, 34]);
  stroke(pen, shade(look.shirt, 0.6), 7, () => pen.ellipse(480, 386, 68, 42, 0, 0.12, Math.PI - 0.12));
}

function head(pen) {
  const { skin } = look;
  blob(pen, shade(skin, 0.9), [382, 238, 17, 27], [578, 238, 17, 27]);
  const light = pen.createRadialGradient(455, 190, 20, 480, 235, 150);
  light.addColorStop(0, shade(skin, 1.06));
  light.addColorStop(1, shade(skin, 0.9));
  pen.fillStyle = light;
  pen.beginPath();
  pen.moveTo(382, 210);
  pen.bezierCurveTo(382, 70, 578, 70, 578, 210);
  pen.bezierCurveTo(578, 300, 540, 362, 480, 362);
  pen.bezierCurveTo(420, 362, 382, 300, 382, 210);
  pen.fill();
  if (look.beard) beard(pen);
}

function beard(pen) {
  pen.fillStyle = shade(look.hair, 1.08);
  pen.beginPath();
  pen.moveTo(383, 232);
  pen.bezierCurveTo(392, 330, 430, 376, 480, 376);
  pen.bezierCurveTo(530, 376, 568, 330, 577, 232);
  pen.bezierCurveTo(556, 290, 520, 272, 480, 274);
  pen.bezierCurveTo(440, 272, 404, 290, 383, 232);
  pen.fill();
}

function hairInFront(pen) {
  const { hair, style } = look;
  if (style === "bald") return;
  pen.fillStyle = gradient(pen, [400, 80, 560, 220], shade(hair, 1.3), shade(hair, 0.85));
  pen.beginPath();
  pen.moveTo(376, 222);
  pen.bezierCurveTo(360, 60, 600, 60, 584, 222);
  if (style === "short") pen.bezierCurveTo(574, 190, 566, 168, 540, 160), pen.bezierCurveTo(480, 146, 430, 150, 396, 172);
  else if (style === "bob") pen.bezierCurveTo(570, 172, 480, 190, 394, 186);
  else pen.bezierCurveTo(566, 182, 540, 156, 500, 132), pen.bezierCurveTo(470, 168, 420, 180, 392, 196);
  pen.bezierCurveTo(384, 190, 380, 204, 376, 222);
  pen.fill();
}

function face(pen, time) {
  const dark = shade(look.skin, 0.42);
  const brow = look.style === "bald" ? "#70401f" : shade(look.hair, 0.9);
  const closed = (time + actor.index * 0.7) % 4.1 < 0.14;
  for (const x of [438, 522]) {
    stroke(pen, brow, 7, () => (pen.moveTo(x - 22, 204), pen.quadraticCurveTo(x, 193, x + 22, 204)));
    if (closed) stroke(pen, dark, 4, () => (pen.moveTo(x - 13, 230), pen.lineTo(x + 13, 230)));
    else blob(pen, "#ffffffd8", [x, 229, 15, 10]), blob(pen, "#2b211d", [x, 229, 8.5]), blob(pen, "#fff", [x + 3, 226, 2.5]);
  }
  blob(pen, "#e0604822", [418, 272, 22, 14], [542, 272, 22, 14]);
  stroke(pen, shade(look.skin, 0.74), 5, () => (pen.moveTo(483, 236), pen.quadraticCurveTo(494, 268, 474, 270)));
  mouth(pen, time);
  if (!look.glasses) return;
  for (const x of [394, 484]) stroke(pen, "#2d2a2e", 6, () => pen.roundRect(x, 204, 82, 56, 22));
  stroke(pen, "#2d2a2e", 5, () => (pen.moveTo(476, 226), pen.lineTo(484, 226)));
}

function mouth(pen, time) {
  const open = actor.speaks ? 4 + 9 * Math.abs(Math.sin(time * 7.3) * Math.sin(time * 3.1)) : 0;
  if (open > 4) blob(pen, "#7a2f2f", [480, 312, 24, open]);
  else stroke(pen, "#a2524a", 6, () => (pen.moveTo(450, 304), pen.quadraticCurveTo(480, 328, 510, 304)));
}

function person(pen, time) {
  const sway = Math.sin(time * 0.6 + actor.index) * 5;
  pen.save();
  pen.translate((actor.index % 3 - 1) * 26 + sway, 14 + Math.sin(time * 0.9 + actor.index) * 2);
  pen.save();
  pen.translate(480, 380), pen.rotate(Math.sin(time * 0.5 + actor.index * 2) * 0.025), pen.translate(-480, -380);
  hairBehind(pen);
  pen.restore();
  body(pen);
  pen.translate(480, 380), pen.rotate(Math.sin(time * 0.5 + actor.index * 2) * 0.025), pen.translate(-480, -380);
  head(pen), hairInFront(pen), face(pen, time);
  pen.restore();
}

function camera() {
  const film = canvas(actor.width, actor.height);
  const pen = film.getContext("2d", { alpha: false });
  const behind = background();
  const draw = () => {
    pen.setTransform(actor.width / WIDTH, 0, 0, actor.height / HEIGHT, 0, 0);
    pen.drawImage(behind, 0, 0);
    person(pen, performance.now() / 1000);
  };
  draw();
  setInterval(draw, 1000 / actor.fps);
  return named(film.captureStream(actor.fps).getVideoTracks()[0], "camera");
}

/** A slide, for whoever shares the screen. */
function screen() {
  const film = canvas(1280, 720);
  const pen = film.getContext("2d", { alpha: false });
  const draw = () => {
    box(pen, "#fbfaf7", [0, 0, 1280, 720]);
    box(pen, "#1f6f6b", [0, 0, 1280, 12]);
    pen.fillStyle = "#22302f";
    pen.font = "600 54px Inter, 'Liberation Sans', sans-serif";
    pen.fillText("Autumn release: what is left", 90, 130);
    pen.font = "28px Inter, 'Liberation Sans', sans-serif";
    for (const [row, [label, part]] of [["Design", 0.94], ["Server", 0.86], ["Web page", 0.71], ["Documents", 0.4]].entries()) {
      const y = 220 + row * 115;
      box(pen, "#e3e7e4", [330, y, 820, 54, 12]);
      box(pen, ["#1f6f6b", "#3b8f86", "#e0a03c", "#cf6a4d"][row], [330, y, 820 * part, 54, 12]);
      pen.fillStyle = "#22302f";
      pen.fillText(label, 90, y + 37);
      pen.fillText(`${Math.round(part * 100)} %`, 1170, y + 37);
    }
  };
  setInterval(draw, 200);
  draw();
  return new MediaStream([film.captureStream(5).getVideoTracks()[0]]);
}

/** Silence, or something like a voice. */
function microphone() {
  const audio = new AudioContext();
  const end = audio.createMediaStreamDestination();
  const voice = new OscillatorNode(audio, { frequency: 140, type: "sawtooth" });
  const loudness = new GainNode(audio, { gain: 0 });
  voice.connect(loudness).connect(end);
  voice.start();
  setInterval(() => (loudness.gain.value = actor.speaks ? 0.12 + 0.1 * Math.random() : 0), 90);
  return named(end.stream.getAudioTracks()[0], "microphone");
}

const DEVICES = [
  ["audioinput", "microphone", "Built-in microphone"], ["audioinput", "headset", "USB headset"],
  ["videoinput", "camera", "HD webcam"], ["videoinput", "phone", "Phone as a camera"],
  ["audiooutput", "speakers", "Built-in speakers"], ["audiooutput", "headset-out", "USB headset"],
].map(([kind, deviceId, label]) => ({ kind, deviceId, label, groupId: deviceId, toJSON() { return this; } }));

function named(track, deviceId) {
  const settings = track.getSettings.bind(track);
  track.getSettings = () => ({ ...settings(), deviceId });
  Object.defineProperty(track, "label", { value: DEVICES.find((device) => device.deviceId === deviceId).label });
  return track;
}

if (navigator.mediaDevices) {
  navigator.mediaDevices.enumerateDevices = async () => DEVICES;
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) =>
    new MediaStream([...(audio ? [microphone()] : []), ...(video ? [camera()] : [])]);
  navigator.mediaDevices.getDisplayMedia = async () => screen();
}
