// What the API tells beyond streams: sessions, statistics, configuration, events.

import type { Action, Lack } from "./api";

/** Something that happened to a session. */
export interface Moment {
  /** RFC 3339. */
  at: string;
  what: string;
  /** More about it, for people; may be empty. */
  detail: string;
}

/** A publisher or a viewer. */
export interface Session {
  id: string;
  protocol: string;
  action: Action;
  stream: string;
  remote: string;
  /** Empty if anonymous. */
  user: string;
  agent: string;
  transport: string;
  state: "active" | "waiting" | "ended";
  /** RFC 3339. */
  since: string;
  bytes_in: number;
  bytes_out: number;
  skips: number;
  frames_skipped: number;
  /** Of media that comes in packets. */
  network: { packets_in: number; packets_out: number; packets_lost: number; packets_reordered: number; jitter_ms: number; round_trip_ms: number | null } | null;
  left_out: Pick<Lack, "kind" | "codec" | "why">[];
  /** In bit/s, over the last seconds. */
  bitrate_in?: number;
  bitrate_out?: number;
  /** How far a viewer is behind the newest frame; null if that is not known. */
  lag_ms?: number | null;
  /** Of a session that is asked for alone. */
  timeline?: Moment[];
}

export interface SessionList {
  sessions: Session[];
  /** On all pages. */
  total: number;
  /** The server's clock in ms since 1970. */
  now: number;
}

export interface Ended {
  /** RFC 3339. */
  ended: string;
  /** One of the API's reasons. */
  reason: string;
  /** For people; empty if the reason says it all. */
  error: string;
  session: Session;
  timeline?: Moment[];
}

/** Which sessions; empty texts choose all. */
export interface SessionFilter {
  protocol: string;
  action: string;
  stream: string;
  user: string;
  remote: string;
  state: string;
}

export const anySession: SessionFilter = { protocol: "", action: "", stream: "", user: "", remote: "", state: "" };

/** The figures of the server at one moment. */
export interface Sample {
  /** RFC 3339. */
  at: string;
  streams: number;
  publishers: number;
  /** By protocol. */
  viewers: Record<string, number>;
  bitrate_in: number;
  bitrate_out: number;
  /** In processors: 1 is a whole core. */
  cpu: number;
  memory_bytes: number;
  lag_ms: { p50: number; p99: number } | null;
}

export interface StatsAnswer {
  now: string;
  interval_s: number;
  samples: Sample[];
}

export type KeyType = "bool" | "number" | "text" | "duration" | "size" | "address" | "list" | "groups" | "secret";

/** One key of the configuration. Values are written as in weir.yaml. */
export interface ConfigKey {
  key: string;
  type: KeyType;
  value: string;
  default: string;
  /** A place in a file, or a variable; empty for the default. */
  set_by: string;
  /** It was set by a change of the API, which null takes back. */
  overlay: boolean;
  /** It can change while weir runs. */
  live: boolean;
  /** Something in the value is hidden. */
  secret: boolean;
  /** What it is for. What is to be typed stands in single quotes. */
  help: string;
  /** The keys of each element, of groups. */
  items?: ConfigKey[];
}

export interface ConfigKeys {
  etag: string;
  keys: ConfigKey[];
}

/** What a change of the configuration did. */
export interface ConfigChange {
  changed: string[];
  /** Keys that change when weir starts again. */
  restart: string[];
}

export const logLevels = ["debug", "info", "warn", "error"] as const;

/** Something that happened. */
export interface ServerEvent {
  id: string;
  /** RFC 3339. */
  time: string;
  node: string;
  type: string;
  /** Or empty, as the next one. */
  stream: string;
  session: string;
  data: Record<string, unknown>;
}

/** What is fetched from elsewhere, or sent on. */
export type RelayKind = "pulls" | "forwards";

/** When something is fetched. */
export const relayModes = ["on_demand", "always"] as const;

/** Empty of what is sent on. */
export type RelayMode = (typeof relayModes)[number] | "";

/** A stream that is fetched from elsewhere or sent on. */
export interface Relay {
  stream: string;
  mode: RelayMode;
  /** Stopped by an operator, until it is started. */
  state: "connecting" | "running" | "waiting" | "failed" | "stopped";
  /** Where it comes from or goes to, without credentials. */
  peer: string;
  /** While it is running, else empty. */
  session: string;
  /** In bit/s, over the last seconds. */
  bitrate: number;
  /** RFC 3339. */
  since: string;
  attempts: number;
  /** Of the newest failure, for people; may be empty. */
  error: string;
  failed_at: string | null;
  /** When the next try comes, while it waits. */
  next: string | null;
}

/** Which streams are fetched or sent on. Of all rules the first that matches a stream counts. */
export interface RelayRule {
  /** Patterns of names; exactly one if it is `added`. */
  streams: string[];
  /** Where they come from or go to, without credentials. */
  peers: string[];
  mode: RelayMode;
  /** It was added here or by the API, so it can be removed so; others are the configuration's. */
  added: boolean;
}

export interface RelayList {
  relays: Relay[];
  /** In the order in which they are matched. */
  rules: RelayRule[];
}

/** A rule to be added. */
export interface NewRelay {
  stream: string;
  /** With credentials, if they need some. */
  urls: string[];
  mode: RelayMode;
}
