// @ts-check
/** How loud a track is, some times a second, for as long as somebody wants to know. */

const OFTEN = 60; // milliseconds
const QUIET = -60; // decibels that count as nothing

/**
 * @param {MediaStreamTrack} track @param {(level: number) => void} tell  0 is silence, 1 is as loud as can be.
 * @returns {() => void} which ends it
 */
export function meter(track, tell) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(samples));
  }, OFTEN);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

/** Ears hear in decibels. @param {Float32Array} samples */
export function levelOf(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power);
  return Math.min(Math.max(1 - decibels / QUIET, 0), 1);
}

/** Browsers let pages make sound, and so measure it, only once somebody has touched them.
 * @param {() => () => void} then  Answers with what ends it. @returns {() => void} which ends it, or the waiting */
export function onceTouched(then) {
  if (navigator.userActivation?.hasBeenActive ?? true) return then();
  const given = new AbortController();
  let end = () => given.abort();
  for (const touch of ["pointerup", "keydown"]) {
    addEventListener(touch, () => {
      if (!navigator.userActivation.hasBeenActive) return; // Escape, say, is no touch
      given.abort();
      end = then();
    }, { signal: given.signal });
  }
  return () => end();
}

/** A short sound out of a speaker; "" is the one the system prefers. @param {string} speaker */
export async function chime(speaker) {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const [tone, volume] = [new OscillatorNode(context, { frequency: 660 }), new GainNode(context, { gain: 0 })];
  tone.connect(volume).connect(out);
  volume.gain.linearRampToValueAtTime(0.2, context.currentTime + 0.05);
  volume.gain.linearRampToValueAtTime(0, context.currentTime + 0.6);
  const sound = new Audio();
  sound.srcObject = out.stream;
  if (speaker && "setSinkId" in sound) await sound.setSinkId(speaker);
  await sound.play();
  tone.start();
  tone.stop(context.currentTime + 0.7);
  tone.onended = () => void context.close();
}
