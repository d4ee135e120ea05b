// Notes when the stream of a video element flashes and when it beeps. watchSync
// begins, syncOffsets returns by how many ms each beep came after its flash.
(() => {
  // Calls back with the moment of each beep. What is heard is taken where the
  // browser pulls it to play it: Web Audio would add a queue of its own.
  async function listen(track, heard) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let samples = new Float32Array(0);
    for (let quiet = 0; ; ) {
      const { value: data, done } = await reader.read();
      if (done) return;
      const at = performance.now();
      if (samples.length < data.numberOfFrames) samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      for (let i = 0; i < data.numberOfFrames; i++, quiet++) {
        if (Math.abs(samples[i]) < 0.05) continue;
        if (quiet > data.sampleRate / 4) heard(at + (1000 * i) / data.sampleRate);
        quiet = 0;
      }
      data.close();
    }
  }

  // Calls back with the moment of each flash.
  function look(video, seen) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 8;
    const pixels = canvas.getContext("2d", { willReadFrequently: true });
    let bright = true;
    const watch = () =>
      video.requestVideoFrameCallback((_, { expectedDisplayTime }) => {
        pixels.drawImage(video, 0, 0, 8, 8);
        const now = pixels.getImageData(4, 4, 1, 1).data[0] > 128;
        if (now && !bright) seen(expectedDisplayTime);
        bright = now;
        watch();
      });
    watch();
  }

  const flashes = [];
  const beeps = [];

  window.watchSync = (video) => {
    listen(video.srcObject.getAudioTracks()[0], (at) => beeps.push(at));
    look(video, (at) => flashes.push(at));
  };

  window.syncOffsets = () =>
    flashes.flatMap((seen) => beeps.map((heard) => heard - seen).filter((ms) => Math.abs(ms) < 500));
})();
