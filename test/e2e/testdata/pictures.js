// Reads the number in each picture that a video element shows, and how bright the
// picture is in a grid. watchPictures begins, sawPictures returns what was seen;
// whep_pictures_test.go draws the numbers.
(() => {
  const bits = 10, block = 32, columns = 16, rows = 9;
  const seen = [];

  // The mean brightness of a part of the picture, 0 to 255 (BT.709, as Chromium decodes it).
  function bright({ data, width }, x, y, w, h) {
    let sum = 0;
    for (let j = y; j < y + h; j++) {
      for (let i = x; i < x + w; i++) {
        const at = 4 * (j * width + i);
        sum += 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
      }
    }
    return sum / (w * h);
  }

  window.watchPictures = (video) => {
    const canvas = document.createElement("canvas");
    const pixels = canvas.getContext("2d", { willReadFrequently: true });
    const watch = () =>
      video.requestVideoFrameCallback((_, { width, height, rtpTimestamp }) => {
        canvas.width = width;
        canvas.height = height;
        pixels.drawImage(video, 0, 0);
        const image = pixels.getImageData(0, 0, width, height);
        let number = 0;
        for (let k = 0; k < bits; k++) {
          number += bright(image, k * block + block / 4, block / 4, block / 2, block / 2) > 128 ? 2 ** k : 0;
        }
        const cells = [];
        for (let k = 0; k < columns * rows; k++) {
          const w = width / columns, h = height / rows;
          cells.push(Math.round(bright(image, (k % columns) * w, Math.floor(k / columns) * h, w, h)));
        }
        seen.push({ number, time: rtpTimestamp, cells });
        watch();
      });
    watch();
  };

  window.sawPictures = () => seen;
})();
