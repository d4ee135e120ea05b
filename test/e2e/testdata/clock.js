// Reads the clock in each picture that the page's player shows; clock_test.go
// draws it. sampleClock(ms) resolves to what was seen in that time.
(() => {
  const bits = 20, columns = 11, block = 30, left = 20, top = 20;
  const canvas = document.createElement("canvas");
  canvas.width = left + columns * block;
  canvas.height = top + 2 * block;
  const pixels = canvas.getContext("2d", { willReadFrequently: true });
  let samples = [];
  let watched = null;

  // Brightness in the middle of a block, 0 to 1.
  function bright(data, index) {
    const x = left + (index % columns) * block + block / 2;
    const y = top + Math.floor(index / columns) * block + block / 2;
    const at = 4 * (y * canvas.width + x);
    return (data[at] + data[at + 1] + data[at + 2]) / 765;
  }

  // The picture's time in ms modulo 2^bits; NaN if there is no clock in it.
  function read(video) {
    pixels.drawImage(video, 0, 0, 640, 360);
    const { data } = pixels.getImageData(0, 0, canvas.width, canvas.height);
    if (!(bright(data, bits) > 0.75 && bright(data, bits + 1) < 0.25)) return NaN;
    let time = 0;
    let bit = 0;
    for (let k = bits - 1; k >= 0; k--) {
      bit ^= bright(data, k) > 0.5 ? 1 : 0; // Gray code
      time += bit * 2 ** k;
    }
    return time;
  }

  function buffered(video) {
    const { buffered: spans, currentTime } = video;
    return spans.length ? spans.end(spans.length - 1) - currentTime : 0;
  }

  function watch(video) {
    video.requestVideoFrameCallback(() => {
      if (video !== watched) return;
      const at = Date.now();
      const wrap = 2 ** bits;
      const latency = (((at - read(video)) % wrap) + wrap) % wrap;
      if (!Number.isNaN(latency)) samples.push({ at, latency, buffer: buffered(video) });
      watch(video);
    });
  }

  // A player may make another element, and may keep it in a shadow tree.
  function find(root) {
    for (const element of root.querySelectorAll("*")) {
      if (element instanceof HTMLVideoElement) return element;
      const inner = element.shadowRoot && find(element.shadowRoot);
      if (inner) return inner;
    }
    return null;
  }

  setInterval(() => {
    const video = find(document);
    if (video && video !== watched) watch((watched = video));
  }, 100);

  window.sampleClock = async (ms) => {
    samples = [];
    await new Promise((resolve) => setTimeout(resolve, ms));
    return samples;
  };
})();
