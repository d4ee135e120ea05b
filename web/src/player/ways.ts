// The ways in which a browser gets a stream from the server.

/** A way, by the server's name of the protocol; Low-Latency HLS is apart from HLS. */
export type Way = "whep" | "wsmp4" | "httpflv" | "wsflv" | "llhls" | "hls";

/** The container that a way brings. */
export type Container = "WebRTC" | "MP4" | "FLV" | "HLS";

interface WayInfo {
  label: string;
  container: Container;
  extension: string;
  webSocket: boolean;
  /** What speaks for it, after "is". */
  merit: string;
}

/** The ways by the delay that they bring, least first. docs/player.md says why. */
export const ways: Record<Way, WayInfo> = {
  whep: { label: "WebRTC", container: "WebRTC", extension: "/whep", webSocket: false, merit: "the way of least delay" },
  wsmp4: { label: "WS-fMP4", container: "MP4", extension: ".mp4", webSocket: true, merit: "of little delay and has every frame" },
  httpflv: { label: "HTTP-FLV", container: "FLV", extension: ".flv", webSocket: false, merit: "of little delay and plain HTTP" },
  wsflv: { label: "WS-FLV", container: "FLV", extension: ".flv", webSocket: true, merit: "of little delay" },
  llhls: { label: "LL-HLS", container: "HLS", extension: "/index.m3u8", webSocket: false, merit: "about a second behind, and passes every cache" },
  hls: { label: "HLS", container: "HLS", extension: "/index.m3u8", webSocket: false, merit: "some seconds behind, and plays everywhere" },
};

/** All ways, in the order in which they are tried. */
export const allWays = Object.keys(ways) as Way[];

/** The way that a text names, or undefined. */
export function wayFrom(text: string | null | undefined): Way | undefined {
  return allWays.find((w) => w === text);
}

/** Which kinds of tracks are fetched. */
export interface Kinds {
  audio: boolean;
  video: boolean;
}

/**
 * Where a stream is fetched. `stream` is its absolute address without
 * extension, such as "http://host:8080/live/demo", with a query such as a token
 * if it needs one. By WebRTC the server refuses to leave pictures out if it is
 * wanted `whole`.
 */
export function wayUrl(stream: string, way: Way, kinds: Kinds = { audio: true, video: true }, whole = false): string {
  const { container, extension, webSocket } = ways[way];
  const url = new URL(stream);
  url.pathname = url.pathname.replace(/\/$/, "") + extension;
  url.hash = "";
  if (container === "WebRTC") {
    // Which kinds are wanted is in the offer.
    if (whole) url.searchParams.set("whole", "1");
  } else if (container === "HLS") {
    // Whatever the server's default is: browsers play this one without remuxing.
    url.searchParams.set("format", "fmp4");
  } else {
    if (!kinds.audio) url.searchParams.set("audio", "0");
    if (!kinds.video) url.searchParams.set("video", "0");
  }
  // "https" becomes "wss". The scheme of a special URL may be changed to another.
  if (webSocket) url.protocol = url.protocol.replace(/^http/, "ws");
  return url.href;
}
