import { useCallback, useRef } from "preact/hooks";
import { isMissing, type Api } from "./api";
import type { Sample } from "./control";
import { usePoll, type Polled } from "./poll";
import { merge } from "./samples";

const intervalMs = 2000;

/** The server's figures of the last ten minutes, first all, then what is new; null if the server keeps none. */
export function useStats(api: Api): Polled<Sample[] | null> {
  const kept = useRef<Sample[]>([]);
  const load = useCallback(
    async (signal: AbortSignal) => {
      try {
        const { now, samples } = await api.stats(kept.current.at(-1)?.at ?? "", signal);
        kept.current = merge(kept.current, samples, now);
        return kept.current;
      } catch (err) {
        if (isMissing(err)) return null;
        throw err;
      }
    },
    [api],
  );
  return usePoll(load, intervalMs, (figures) => figures === null);
}
