// What is fetched and sent on, by the rules for it.

import { ApiError } from "./api";
import type { Relay, RelayList, RelayRule } from "./control";

/** A rule with what runs by it; without a rule what a receiver of hooks asked for. */
export interface RelayGroup {
  rule?: RelayRule;
  /** It is for one stream, whose name this is. */
  only?: string | undefined;
  relays: Relay[];
}

const isWild = (segment: string) => segment === "*" || segment.startsWith("{");

/** Whether a pattern of streams matches a name: * and {x} stand for one segment, ** at the end for all that follow. */
export function matches(pattern: string, name: string): boolean {
  const wanted = pattern.split("/");
  const parts = name.split("/");
  const rest = wanted.at(-1) === "**";
  if (rest) wanted.pop();
  if (rest ? parts.length <= wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((segment, i) => isWild(segment) || segment === parts[i]);
}

/** The rules in their order, each with its relays, after those that have no rule. */
export function groups({ relays, rules }: RelayList): RelayGroup[] {
  const free: RelayGroup = { relays: [] };
  const ruled = rules.map((rule): RelayGroup => ({ rule, only: onlyStream(rule), relays: [] }));
  for (const r of relays) {
    const group = ruled.find(({ rule }) => rule!.streams.some((pattern) => matches(pattern, r.stream)));
    (group ?? free).relays.push(r);
  }
  return free.relays.length > 0 ? [free, ...ruled] : ruled;
}

function onlyStream({ streams }: RelayRule): string | undefined {
  const [pattern] = streams;
  return streams.length === 1 && pattern !== undefined && !pattern.includes("*") && !pattern.includes("{") ? pattern : undefined;
}

/** A field of the form for a new rule. */
export type RelayField = "stream" | "urls" | "mode";

/** The field that an answer of the API is about; undefined if it is about none of the form. */
export function fieldOf(err: unknown): RelayField | undefined {
  if (!(err instanceof ApiError)) return undefined;
  // Such as "sources[1]".
  const name = err.field.replace(/\W.*/, "");
  if (name === "sources" || name === "targets") return "urls";
  if (name === "mode") return name;
  // There is a rule for it already.
  return /^streams?$/.test(name) || err.status === 409 ? "stream" : undefined;
}

/** The addresses of a text, one on each line. */
export function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}
