// Why playback broke off, in words for the viewer.

export interface Failure {
  /** A sentence. */
  message: string;
  /** Trying again would end the same way. */
  final: boolean;
  /** Another way of fetching the stream may do better. */
  elsewhere: boolean;
}

/** A failure that time may mend. */
export const again = (message: string): Failure => ({ message, final: false, elsewhere: false });
/** A failure that trying again, or another way, may mend. */
export const doubtful = (message: string): Failure => ({ message, final: false, elsewhere: true });
/** A failure of one way for good. */
export const notThisWay = (message: string): Failure => ({ message, final: true, elsewhere: true });
/** A failure for good. */
export const never = (message: string): Failure => ({ message, final: true, elsewhere: false });

const notLive = again("The stream is not live.");
const unsendable = notThisWay("The server cannot send this stream in this form.");
const forbidden = never("You are not allowed to play this stream.");

/** What the HTTP status of a refused request means. */
export function statusFailure(status: number | undefined): Failure {
  if (status === 401 || status === 403) return forbidden;
  if (status === 404) return notLive;
  if (status === 415) return unsendable;
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
  unsupported: unsendable,
};

/** What a reason of the server means; undefined if viewers have no use for it. */
export function reasonFailure(reason: string): Failure | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason] : undefined;
}

/** What the end of a WebSocket means that was open; `reason` is that of its close frame. */
export function closeFailure(reason: string): Failure {
  return reasonFailure(reason) ?? again(reason ? `The server closes the connection: ${reason.replaceAll("_", " ")}.` : "The connection broke.");
}

/** Media that the browser cannot make sense of. */
export const undecodable = doubtful("The stream could not be decoded.");

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
  if (!unsupported) return undecodable;
  const what = typeof info === "string" ? info.replace(/^Flv: /, "") : (info as { msg?: string } | undefined)?.msg;
  return notThisWay(`This browser cannot play the stream's codecs${what ? ` (${what})` : ""}.`);
}
