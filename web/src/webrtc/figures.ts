// What a connection measures of itself, out of getStats. Times are in seconds,
// rates in bit/s; null is what the browser does not tell. What has no other span
// counts since the connection began.

/** Measured of a connection in either direction. */
export interface Figures {
  /** How packets travel: "UDP", "TCP", either "by a relay"; empty if it is not told. */
  path: string;
  roundTrip: number | null;
  /** Of the worst track, at the side that receives. */
  jitter: number | null;
  /** Packets that did not arrive. */
  lost: number;
}

/** What a report says of one kind. */
export function all<T>(report: RTCStatsReport, type: string): T[] {
  return ([...report.values()] as ({ type: string } & T)[]).filter((s) => s.type === type);
}

/** The sum of a figure of several tracks. */
export function sum<T>(list: T[], of: (s: T) => number | undefined): number {
  return list.reduce((total, s) => total + (of(s) ?? 0), 0);
}

/** The greatest of a figure of several tracks, null if none has it. */
export function worst<T>(list: T[], of: (s: T) => number | undefined): number | null {
  const values = list.flatMap((s) => of(s) ?? []);
  return values.length > 0 ? Math.max(...values) : null;
}

/** By what way packets travel, and how long they take there and back. */
export function travel(report: RTCStatsReport): Pick<Figures, "path" | "roundTrip"> {
  const chosen = all<RTCTransportStats>(report, "transport")[0]?.selectedCandidatePairId;
  const pairs = all<RTCIceCandidatePairStats>(report, "candidate-pair");
  const pair = pairs.find((p) => p.id === chosen) ?? pairs.find((p) => p.nominated && p.state === "succeeded");
  const local = pair && (report.get(pair.localCandidateId) as { protocol?: string; candidateType?: string } | undefined);
  const relay = local?.candidateType === "relay" ? " by a relay" : "";
  return { path: local?.protocol ? local.protocol.toUpperCase() + relay : "", roundTrip: pair?.currentRoundTripTime ?? null };
}

/** What there is to say of every connection, as parts of a line. */
export function describe({ path, roundTrip, jitter, lost }: Figures): string[] {
  const ms = (seconds: number) => `${Math.round(seconds * 1000)} ms`;
  return [
    roundTrip === null ? "" : `${ms(roundTrip)} round trip`,
    jitter === null ? "" : `${ms(jitter)} jitter`,
    `${lost} lost`,
    path,
  ].filter(Boolean);
}
