// The newest picture of a stream, as the server gives it: an MP4 with one frame.

/** Why there is no picture. */
export class NoPicture extends Error {
  constructor(
    /** Asking again for the same tracks leads to nothing. */
    readonly final: boolean,
    message: string,
  ) {
    super(message);
    this.name = "NoPicture";
  }
}

// As wide as a card is on most screens.
const mostWidth = 640;
// For how long a browser may keep quiet about a picture that it shows to nobody.
const presentMs = 1000;

/** Draws the newest picture. A video element decodes it and is gone after: browsers allow few at once. */
export async function drawSnapshot(url: string, canvas: HTMLCanvasElement, signal: AbortSignal): Promise<void> {
  const res = await fetch(url, { signal, cache: "no-store" });
  // 415: there is no such thing of these tracks.
  if (!res.ok) throw new NoPicture(res.status === 415, `HTTP ${res.status}`);
  const video = document.createElement("video");
  const source = URL.createObjectURL(await res.blob());
  try {
    await loadFrame(video, source, signal);
    const scale = Math.min(1, mostWidth / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d")!.drawImage(video, 0, 0, canvas.width, canvas.height);
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(source);
  }
}

function loadFrame(video: HTMLVideoElement, source: string, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    video.muted = true;
    video.playsInline = true;
    video.preload = "auto";
    // The data being there does not mean that the picture is: what is drawn too early is black.
    let presented: Promise<unknown> = Promise.resolve();
    if ("requestVideoFrameCallback" in video) {
      presented = Promise.race([
        new Promise((shown) => video.requestVideoFrameCallback(shown)),
        new Promise((late) => setTimeout(late, presentMs)),
      ]);
    }
    video.onloadeddata = () => (video.videoWidth > 0 ? void presented.then(() => done()) : failed(new NoPicture(true, "no picture")));
    video.onerror = () => failed(new NoPicture(true, video.error?.message ?? "undecodable"));
    signal.addEventListener("abort", () => failed(signal.reason as Error));
    video.src = source;
  });
}
