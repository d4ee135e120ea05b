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
 * it fails. A refused token ends it until `load` is another function. If
 * `intervalMs` is Infinity, one good answer is enough.
 */
export function usePoll<T>(load: (signal: AbortSignal) => Promise<T>, intervalMs: number): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({});

  useEffect(() => {
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
        setPolled({ data });
        ended = intervalMs === Infinity;
      } catch (err) {
        if (ended) return;
        const error = err instanceof Error ? err : new Error(String(err));
        setPolled(({ data }) => ({ data, error }));
        ended = needsToken(error);
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
  }, [load, intervalMs]);

  return polled;
}
