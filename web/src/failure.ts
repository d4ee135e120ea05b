// Why playback broke off, in words for the viewer.

export interface Failure {
  /** A sentence. */
  message: string;
  /** Trying again would end the same way. */
  final: boolean;
}

const again = (message: string): Failure => ({ message, final: false });
const never = (message: string): Failure => ({ message, final: true });

const notLive = again("The stream is not live.");
const forbidden = never("You are not allowed to play this stream.");

/** What the HTTP status of a refused request means. */
export function statusFailure(status: number | undefined): Failure {
  if (status === 401 || status === 403) return forbidden;
  if (status === 404) return notLive;
  return again(`The server answers with HTTP ${status}.`);
}

// The reasons of the server that viewers get to see.
const reasons: Record<string, Failure> = {
  client_closed: again("The connection was closed."),
  stream_ended: again("The stream has ended."),
  stream_not_found: notLive,
  shutdown: again("The server shuts down."),
  limit_reached: again("The server has as many viewers as it may have."),
  stalled: again("This connection is too slow for the stream."),
  lag_bytes: again("This connection is too slow for the stream."),
  lag_time: again("This connection is too slow for the stream."),
  unauthorized: forbidden,
  kicked: never("The server has ended this session."),
  unsupported: never("The server cannot send this stream as FLV."),
};

/**
 * What the end of a WebSocket means: `reason` is that of its close frame, and
 * `opened` tells that the server had accepted it.
 */
export function closeFailure(reason: string, opened: boolean): Failure {
  if (Object.hasOwn(reasons, reason)) return reasons[reason]!;
  if (reason) return again(`The server closes the connection: ${reason.replaceAll("_", " ")}.`);
  return again(opened ? "The connection broke." : "The server refuses the WebSocket.");
}

// NotSupportedError of addSourceBuffer, as DOMException numbers it.
const notSupported = 9;

/**
 * What an error of mpegts.js about the media means, null if playback goes on.
 * `info` is a text from its demuxer and an error's code and text from Media
 * Source Extensions.
 */
export function mediaFailure(detail: string, info: unknown): Failure | null {
  // HDR and multichannel descriptions of Enhanced RTMP are packets that its
  // demuxer takes for broken; it skips them.
  if (typeof info === "string" && /Invalid (audio|video) packet type/.test(info)) return null;
  const unsupported = detail === "CodecUnsupported" || (info as { code?: number } | undefined)?.code === notSupported;
  if (!unsupported) return again("The stream could not be decoded.");
  const what = typeof info === "string" ? info.replace(/^Flv: /, "") : (info as { msg?: string } | undefined)?.msg;
  return never(`This browser cannot play the stream's codecs${what ? ` (${what})` : ""}.`);
}
