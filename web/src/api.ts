// The typed client of the admin API under /api/v1/.

import { midway } from "./player/latency";

/** One elementary stream. Rates are in bit/s and Hz; a value of 0 or absent is unknown. */
export interface Track {
  id: number;
  kind: "video" | "audio" | "data";
  codec: string;
  profile?: string;
  width?: number;
  height?: number;
  frame_rate?: number;
  sample_rate?: number;
  channels?: number;
  /** Frames are shown in another order than they are sent in; absent while that is not known. */
  has_b_frames?: boolean;
  bitrate?: number;
}

export interface Publisher {
  session: string;
  protocol: string;
  remote: string;
  user: string;
  encoder: string;
}

/** A track that the publisher had and that cannot be used, or that a protocol does not carry to its viewers. */
export interface Lack {
  protocol: string;
  action: "publish" | "play";
  kind: Track["kind"];
  codec: string;
  why: string;
}

/** What the server can send of a stream by WebRTC. */
export interface WebRTCInfo {
  /** Whether that is anything. */
  playable: boolean;
  /** What keeps all of it from being sent, and what to set; empty if nothing. */
  why: string;
  /** Pictures per second that are sent; absent while that is not known. */
  frame_rate?: number;
  /** The tracks that are not sent. */
  left_out: Pick<Lack, "kind" | "codec" | "why">[];
}

export interface Stream {
  name: string;
  /** "grace" while a publisher that was lost may still come back. */
  state: "live" | "grace";
  /** All tracks are known. */
  ready: boolean;
  /** Grows with every publisher and every change of tracks. */
  epoch: number;
  /** RFC 3339, by the server's clock. */
  since: string;
  publisher: Publisher | null;
  tracks: Track[];
  bitrate: number;
  gop_s: number;
  /** Viewers by protocol. */
  viewers: Record<string, number>;
  viewers_total: number;
  bytes_in: number;
  frames_in: number;
  /**
   * The stream's time at the moment of the answer, in ms modulo 2^32 as FLV
   * timestamps count it; absent before the first frame.
   */
  time_ms?: number;
  /** What the publisher and the viewers of the moment do without. */
  left_out: Lack[];
  /** Absent while WebRTC is switched off or the tracks are not known. */
  webrtc?: WebRTCInfo;
}

export interface StreamList {
  streams: Stream[];
  /** The server's clock when it answered, in ms since 1970: the browser's may be wrong. */
  now: number;
  /** When it answered by the page's clock, performance.now(). */
  at: number;
}

export interface Info {
  version: string;
  uptime_s: number;
  /** 0 if RTMP is switched off. */
  rtmp_port: number;
  /** Absent or 0 if it is switched off, as the next ones: RTMP over TLS, RTSP, RTSP over TLS. */
  rtmps_port?: number;
  rtsp_port?: number;
  rtsps_port?: number;
  /** Of WebRTC's media. 0 if it is switched off; absent if the server does not tell. */
  webrtc_port?: number;
}

/** What the API answered instead of data. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** A word that programs branch on, such as "unauthorized"; empty if the answer was not the API's. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Whether the API wants a token, or another one. */
export function needsToken(err: unknown): boolean {
  return err instanceof ApiError && err.status === 401;
}

/** The part of Storage that is used; sessionStorage in the browser. */
export type TokenStorage = Pick<Storage, "getItem" | "setItem">;

const tokenKey = "weir.token";

export class Api {
  constructor(private readonly storage: TokenStorage) {}

  get token(): string {
    return this.storage.getItem(tokenKey) ?? "";
  }

  /** Keeps the token for as long as the tab lives. */
  set token(token: string) {
    this.storage.setItem(tokenKey, token);
  }

  async streams(signal: AbortSignal): Promise<StreamList> {
    const sent = performance.now();
    const res = await this.get("/api/v1/streams", signal);
    const at = midway(sent, performance.now());
    const { streams } = (await res.json()) as { streams: Stream[] };
    return { streams, now: Date.parse(res.headers.get("Date") ?? "") || Date.now(), at };
  }

  async info(signal: AbortSignal): Promise<Info> {
    return (await this.get("/api/v1/info", signal)).json() as Promise<Info>;
  }

  private async get(path: string, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const res = await fetch(path, { headers, signal, cache: "no-store" });
    if (!res.ok) throw await apiError(res);
    return res;
  }
}

/** The error in an answer that is none of success. */
export async function apiError(res: Response): Promise<ApiError> {
  const plain = `HTTP ${res.status} ${res.statusText}`.trim();
  try {
    const { error } = (await res.json()) as { error: { code: string; message: string } };
    return new ApiError(res.status, error.code, error.message || plain);
  } catch {
    // A proxy between us and the server answers in its own words.
    return new ApiError(res.status, "", plain);
  }
}
