// The typed client of the admin API under /api/v1/.

import type { ConfigChange, ConfigKeys, Ended, NewRelay, Relay, RelayKind, RelayList, RelayRule, Session, SessionFilter, SessionList, StatsAnswer } from "./control";
import { midway } from "./player/latency";
import type { KeptList, Recorder, RecordingList, Span } from "./recordings/model";
import { basic, encodeName } from "./urls";

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

/** What a session does with its stream. */
export type Action = "publish" | "play" | "forward" | "record";

/** A track that the publisher had and that cannot be used, or that a protocol does not carry to its viewers. */
export interface Lack {
  protocol: string;
  action: Action;
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
  frames_dropped?: number;
  /** Seconds since the newest frame came. */
  last_frame_s?: number;
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
  /** What the operator should know, each with its remedy. */
  warnings?: string[];
}

/** What the API answered instead of data. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** A word that programs branch on, such as "unauthorized"; empty if the answer was not the API's. */
    readonly code: string,
    message: string,
    /** The part of the request that was wrong; empty if none was. */
    readonly field = "",
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Whether the API wants a token, or another one. */
export function needsToken(err: unknown): boolean {
  return err instanceof ApiError && err.status === 401;
}

/** Whether the server has no such thing. */
export function isMissing(err: unknown): boolean {
  return err instanceof ApiError && err.status === 404;
}

/** The part of Storage that is used; sessionStorage in the browser. */
export type TokenStorage = Pick<Storage, "getItem" | "setItem">;

const tokenKey = "weir.token";

const base = "/api/v1";

// So many sessions are listed at once.
export const pageSize = 100;

// As many as the API gives.
const recordingsPage = 1000;

export class Api {
  /** Of a user; only in memory, for a password is worth more than a token. */
  private user = "";

  constructor(private readonly storage: TokenStorage) {}

  get token(): string {
    return this.storage.getItem(tokenKey) ?? "";
  }

  /** Keeps the token for as long as the tab lives. */
  set token(token: string) {
    this.user = "";
    this.storage.setItem(tokenKey, token);
  }

  /** Asks as a user from now on, until the page is left. */
  signIn(user: string, password: string): void {
    this.token = "";
    this.user = basic(user, password);
  }

  /** The Authorization header; empty if nobody has said who they are. */
  get authorization(): string {
    return this.user || (this.token && `Bearer ${this.token}`);
  }

  async streams(signal: AbortSignal): Promise<StreamList> {
    const sent = performance.now();
    const res = await this.get("/streams", signal);
    const at = midway(sent, performance.now());
    const { streams } = (await res.json()) as { streams: Stream[] };
    return { streams, now: serverTime(res), at };
  }

  async info(signal: AbortSignal): Promise<Info> {
    return (await this.get("/info", signal)).json() as Promise<Info>;
  }

  /** The figures of the server after a time (RFC 3339), or all that are kept if it is empty. */
  async stats(since: string, signal: AbortSignal): Promise<StatsAnswer> {
    return (await this.get(`/stats${query({ since })}`, signal)).json() as Promise<StatsAnswer>;
  }

  /** Sessions from number `offset` on, at most `limit`. */
  async sessions(filter: Partial<SessionFilter>, offset: number, limit: number, signal: AbortSignal): Promise<SessionList> {
    const res = await this.get(`/sessions${query({ ...filter, offset: String(offset), limit: String(limit) })}`, signal);
    return { ...((await res.json()) as Omit<SessionList, "now">), now: serverTime(res) };
  }

  async ended(filter: Partial<SessionFilter>, signal: AbortSignal): Promise<Ended[]> {
    const res = await this.get(`/sessions/ended${query(filter)}`, signal);
    return ((await res.json()) as { sessions: Ended[] }).sessions;
  }

  async session(id: string, signal: AbortSignal): Promise<Session> {
    return (await this.get(`/sessions/${encodeURIComponent(id)}`, signal)).json() as Promise<Session>;
  }

  /** Closes a session. */
  async kick(id: string): Promise<void> {
    await this.request(`/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** Closes the publisher of a stream. */
  async release(name: string): Promise<void> {
    await this.request(`/streams/${encodeName(name)}`, { method: "DELETE" });
  }

  /** What is fetched or sent on, and the rules for it. */
  async relays(kind: RelayKind, signal: AbortSignal): Promise<RelayList> {
    const { rules, ...lists } = (await (await this.get(`/${kind}`, signal)).json()) as Record<RelayKind, Relay[]> & { rules: RelayRule[] };
    return { relays: lists[kind], rules };
  }

  async addRelay(kind: RelayKind, { stream, urls, mode }: NewRelay): Promise<void> {
    const body = kind === "pulls" ? { stream, sources: urls, mode } : { stream, targets: urls };
    await this.request(`/${kind}`, { method: "POST", body: JSON.stringify(body) });
  }

  /** Takes a rule back that was added; `pattern` is that of its streams. */
  async removeRelay(kind: RelayKind, pattern: string): Promise<void> {
    await this.request(`/${kind}/${encodeName(pattern)}`, { method: "DELETE" });
  }

  /** Ends what is fetched, or sent to a target or to all if that is empty, and keeps it ended until it is started. */
  async switchRelay(kind: RelayKind, to: "stop" | "start", stream: string, target: string): Promise<void> {
    await this.request(`/${kind}/${to}`, { method: "POST", body: JSON.stringify({ stream, ...(target && { target }) }) });
  }

  /** What is kept of each stream. */
  async kept(signal: AbortSignal): Promise<KeptList> {
    const res = await this.get("/recordings/streams", signal);
    return { ...((await res.json()) as Omit<KeptList, "now">), now: serverTime(res) };
  }

  /** Files of a stream that have something of a span, in the order of their start; `more` tells that there are others after `most`. */
  async recordings(stream: string, { from, to }: Partial<Span>, most: number, signal: AbortSignal): Promise<RecordingList> {
    const found: RecordingList = { recordings: [], more: true };
    while (found.more && found.recordings.length < most) {
      const limit = Math.min(recordingsPage, most - found.recordings.length);
      const params = { stream, from: rfc3339(from), to: rfc3339(to), after: found.recordings.at(-1)?.id, limit: String(limit) };
      const { recordings, more } = (await (await this.get(`/recordings${query(params)}`, signal)).json()) as RecordingList;
      found.recordings.push(...recordings);
      found.more = more && recordings.length > 0;
    }
    return found;
  }

  async removeRecording(id: string): Promise<void> {
    await this.request(`/recordings/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** The address of a file, for a link: with the token, for a link has no headers. Null for a user, whose password belongs into no address. */
  recordingHref(id: string): string | null {
    if (this.user) return null;
    return `${base}/recordings/${encodeURIComponent(id)}/file${query({ token: this.token })}`;
  }

  /** A whole file, for who has no link. */
  async recordingFile(id: string): Promise<Blob> {
    return (await this.request(`/recordings/${encodeURIComponent(id)}/file`, { headers: { Accept: "*/*" } })).blob();
  }

  /** The address of a playlist of a span, for a player that sends the Authorization header. */
  playlistHref(stream: string, { from, to }: Span): string {
    return `${base}/recordings/playlist.m3u8${query({ stream, from: rfc3339(from), to: rfc3339(to) })}`;
  }

  async recorders(signal: AbortSignal): Promise<Recorder[]> {
    return ((await (await this.get("/recorders", signal)).json()) as { recorders: Recorder[] }).recorders;
  }

  /** Has a stream recorded, or not any more. */
  async switchRecorder(to: "start" | "stop", stream: string): Promise<void> {
    await this.request(`/recorders/${to}`, { method: "POST", body: JSON.stringify({ stream }) });
  }

  async configKeys(signal: AbortSignal): Promise<ConfigKeys> {
    return (await this.get("/config/keys", signal)).json() as Promise<ConfigKeys>;
  }

  /** Changes keys, all or none; null takes one back to what the file says. `etag` is that of the keys that are known. */
  async changeConfig(etag: string, changes: Record<string, string | null>): Promise<ConfigChange> {
    const init = { method: "PATCH", headers: { "If-Match": etag }, body: JSON.stringify({ changes }) };
    return (await this.request("/config", init)).json() as Promise<ConfigChange>;
  }

  /** Has the file read again. */
  async reloadConfig(): Promise<ConfigChange> {
    return (await this.request("/config/reload", { method: "POST" })).json() as Promise<ConfigChange>;
  }

  async logLevel(signal: AbortSignal): Promise<string> {
    return ((await (await this.get("/log", signal)).json()) as { level: string }).level;
  }

  async setLogLevel(level: string): Promise<void> {
    await this.request("/log", { method: "PUT", body: JSON.stringify({ level }) });
  }

  /** Events as they happen, as text/event-stream, beginning after the one whose id is `after`. */
  events(choice: Record<string, string>, after: string, signal: AbortSignal): Promise<Response> {
    return this.request(`/events${query(choice)}`, { headers: { Accept: "text/event-stream", "Last-Event-ID": after }, signal });
  }

  private get(path: string, signal: AbortSignal): Promise<Response> {
    return this.request(path, { signal });
  }

  private async request(path: string, init: Omit<RequestInit, "headers"> & { headers?: Record<string, string> }): Promise<Response> {
    const { authorization } = this;
    const headers: Record<string, string> = { Accept: "application/json", ...init.headers };
    if (authorization) headers.Authorization = authorization;
    if (init.body) headers["Content-Type"] = "application/json";
    const res = await fetch(base + path, { ...init, headers, cache: "no-store" });
    if (!res.ok) throw await apiError(res);
    return res;
  }
}

/** A query of the parameters that are not empty. */
function query(params: Record<string, string | undefined>): string {
  const set = Object.entries(params).filter((p): p is [string, string] => !!p[1]);
  return set.length > 0 ? `?${new URLSearchParams(set)}` : "";
}

/** A time of ms since 1970 as the API takes it; undefined if there is none. */
function rfc3339(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** The server's clock in ms since 1970, as an answer tells it: the browser's may be wrong. */
function serverTime(res: Response): number {
  return Date.parse(res.headers.get("Date") ?? "") || Date.now();
}

/** The error in an answer that is none of success. */
export async function apiError(res: Response): Promise<ApiError> {
  const plain = `HTTP ${res.status} ${res.statusText}`.trim();
  try {
    const { error } = (await res.json()) as { error: { code: string; message: string; field?: string } };
    return new ApiError(res.status, error.code, error.message || plain, error.field);
  } catch {
    // A proxy between us and the server answers in its own words.
    return new ApiError(res.status, "", plain);
  }
}
