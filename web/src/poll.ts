import { useEffect, useState } from "preact/hooks";
import { needsToken } from "./api";
import { backoff } from "./backoff";

/** The last good answer and, if the newest try failed, why. */
export interface Polled<T> {
  data?: T;
  error?: Error;
}

// A request that takes longer has failed: the next one may find a way.
const timeoutMs = 10_000;
const maxBackoffMs = 15_000;

/**
 * Calls `load` every `intervalMs` while the tab is visible, more rarely while
 * it fails, and tells what comes of it. A refused token ends it, and so does an
 * answer after which nothing new comes (`isLast`). Returns what ends it at once.
 */
export function poll<T>(load: (signal: AbortSignal) => Promise<T>, intervalMs: number, isLast: (data: T) => boolean, tell: (outcome: Polled<T>) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | undefined;
  let failures = 0;
  let ended = false;

  const run = async () => {
    clearTimeout(timer);
    if (ended || running || document.hidden) return;
    running = new AbortController();
    const timeout = setTimeout(() => running?.abort(), timeoutMs);
    let delay = intervalMs;
    try {
      const data = await load(running.signal);
      if (ended) return;
      failures = 0;
      ended = isLast(data);
      tell({ data });
    } catch (err) {
      if (ended) return;
      const error = err instanceof Error ? err : new Error(String(err));
      ended = needsToken(error);
      tell({ error });
      const base = Math.min(intervalMs, maxBackoffMs);
      delay = backoff(failures++, base, maxBackoffMs);
    } finally {
      clearTimeout(timeout);
      running = undefined;
    }
    if (!ended) timer = setTimeout(run, delay);
  };

  document.addEventListener("visibilitychange", run);
  void run();
  return () => {
    ended = true;
    clearTimeout(timer);
    running?.abort();
    document.removeEventListener("visibilitychange", run);
  };
}

const never = () => false;

/** Polls for as long as the component is there; what has ended begins anew once `load` is another function. */
export function usePoll<T>(load: (signal: AbortSignal) => Promise<T>, intervalMs: number, isLast: (data: T) => boolean = never): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({});
  useEffect(() => poll(load, intervalMs, isLast, (outcome) => setPolled(({ data }) => ({ data, ...outcome }))), [load, intervalMs]);
  return polled;
}
