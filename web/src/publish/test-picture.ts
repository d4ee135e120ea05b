import type { Source } from "./sources";

const width = 1280;
const height = 720;
const frameRate = 30;
const bars = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf"];
const toneHz = 440;
// -20 dB of the loudest.
const toneGain = 0.1;
// At each full second a flash and a beep, which are to stay together.
const beepGain = 0.5;
const beepHz = 1000;
const beepSeconds = 0.1;

/** A picture with a clock, and a tone; each second a flash and a beep. */
export function testPicture(sound: boolean): Source {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext("2d", { alpha: false })!;
  const audio = new AudioContext();
  const began = Date.now() - audio.currentTime * 1000;
  const draw = () => paint(g, began + audio.currentTime * 1000);
  draw();
  const stream = canvas.captureStream(frameRate);
  const stopTicking = tick(audio, draw);
  if (sound) for (const track of tones(audio, began).getTracks()) stream.addTrack(track);
  void audio.resume();
  return {
    stream,
    stop: () => {
      stopTicking();
      stream.getTracks().forEach((t) => t.stop());
      void audio.close();
    },
  };
}

/** Calls `draw` for each frame, by the clock of the sound: timers are slow in pages that nobody sees. */
function tick(audio: AudioContext, draw: () => void): () => void {
  let stopped = false;
  const next = () => {
    if (stopped) return;
    draw();
    const timer = audio.createConstantSource();
    timer.onended = next;
    timer.start();
    timer.stop((Math.floor(audio.currentTime * frameRate) + 1) / frameRate);
  };
  next();
  return () => (stopped = true);
}

/** A tone, and a beep that begins with each second of the clock that was `began` (ms) when the context's was 0. */
function tones(audio: AudioContext, began: number): MediaStream {
  const out = audio.createMediaStreamDestination();
  const tone = new OscillatorNode(audio, { frequency: toneHz });
  tone.connect(new GainNode(audio, { gain: toneGain })).connect(out);
  tone.start();
  // A loop of one second of sound, begun so that its start is the clock's.
  const loop = audio.createBuffer(1, audio.sampleRate, audio.sampleRate);
  const samples = loop.getChannelData(0);
  for (let i = 0; i < beepSeconds * audio.sampleRate; i++) samples[i] = beepGain * Math.sin((2 * Math.PI * beepHz * i) / audio.sampleRate);
  const beep = new AudioBufferSourceNode(audio, { buffer: loop, loop: true });
  beep.connect(out);
  beep.start(0, (began / 1000 + audio.currentTime) % 1);
  return out.stream;
}

function paint(g: CanvasRenderingContext2D, now: number): void {
  const wide = width / bars.length;
  bars.forEach((colour, i) => {
    g.fillStyle = colour;
    g.fillRect(Math.floor(i * wide), 0, Math.ceil(wide), height);
  });
  const part = (now % 1000) / 1000;
  g.fillStyle = part < beepSeconds ? "#fff" : "#000";
  g.fillRect(0, height * 0.75, width, height * 0.25);
  g.fillStyle = "#e03131";
  g.fillRect(part * (width - 40), height * 0.75, 40, height * 0.25);
  g.fillStyle = "rgb(0 0 0 / 75%)";
  g.fillRect(width * 0.2, height * 0.25, width * 0.6, height * 0.25);
  g.fillStyle = "#fff";
  g.font = "bold 96px monospace";
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.fillText(clock(now), width / 2, height * 0.375);
}

/** "13:05:09.042", by this device's clock and time zone. */
function clock(now: number): string {
  const date = new Date(now);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
