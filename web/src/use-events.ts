import { useEffect, useRef, useState } from "preact/hooks";
import type { Api } from "./api";
import { needsToken } from "./api";
import { backoff } from "./backoff";
import type { ServerEvent } from "./control";
import { EventParser } from "./sse";

export interface Events {
  /** Newest first. */
  events: ServerEvent[];
  state: "connecting" | "live" | "lost";
  /** Why it is lost. */
  error?: Error | undefined;
}

/** So many events are kept; as many as the server remembers. */
export const mostEvents = 512;

// No event has this id, so that the server begins with all that it remembers.
const fromTheBeginning = "0";
const retryBaseMs = 1000;
const retryMaxMs = 15_000;

/** `list` with events that are newer, each once, newest first. */
export function withNewer(list: ServerEvent[], newer: ServerEvent[]): ServerEvent[] {
  const known = new Set(list.map((e) => e.id));
  const fresh = newer.filter((e) => !known.has(e.id) && known.add(e.id));
  return fresh.length > 0 ? [...fresh.reverse(), ...list].slice(0, mostEvents) : list;
}

/** Whether an event says no more than that the server does not know an id, which is so for who begins. */
export function isBeginning({ type, data }: ServerEvent, after: string): boolean {
  return after === fromTheBeginning && type === "events_lost" && data.lost === 0;
}

/** Reads the events that `choice` names, from those that the server remembers on, for as long as the component is there. */
export function useEvents(api: Api, choice: Record<string, string>): Events {
  const [events, setEvents] = useState<Events>({ events: [], state: "connecting" });
  const key = JSON.stringify(choice);
  const newest = useRef(fromTheBeginning);

  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    newest.current = fromTheBeginning;
    setEvents({ events: [], state: "connecting" });
    void follow();
    return () => ended.abort();

    async function follow() {
      for (let failures = 0; !signal.aborted; ) {
        try {
          const res = await api.events(JSON.parse(key) as Record<string, string>, newest.current, signal);
          failures = 0;
          setEvents(({ events }) => ({ events, state: "live" }));
          await read(res.body!);
          // The server ends an answer after a while, so that it can look at the credential again.
        } catch (err) {
          if (signal.aborted) return;
          setEvents(({ events }) => ({ events, state: "lost", error: err instanceof Error ? err : new Error(String(err)) }));
          if (needsToken(err)) return;
        }
        await pause(backoff(failures++, retryBaseMs, retryMaxMs), signal);
      }
    }

    async function read(body: ReadableStream<Uint8Array>) {
      const parser = new EventParser();
      const text = new TextDecoder();
      const reader = body.getReader();
      let after = newest.current;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const messages = parser.push(text.decode(value, { stream: true }));
        const last = messages.at(-1);
        if (!last) continue;
        newest.current = last.id;
        const more = messages.map((m) => JSON.parse(m.data) as ServerEvent).filter((e) => !isBeginning(e, after));
        after = last.id;
        setEvents(({ events, state }) => ({ events: withNewer(events, more), state }));
      }
    }
  }, [api, key]);

  return events;
}

/** Waits, less long if the signal is given. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}
