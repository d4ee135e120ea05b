/**
 * How long to wait, in milliseconds, before try number `attempt` (from 0) is
 * repeated: `base` doubled each time, never more than `max`, less up to half at
 * random so that a room full of viewers does not come back in one instant.
 */
export function backoff(attempt: number, base: number, max: number, random: () => number = Math.random): number {
  const full = Math.min(max, base * 2 ** attempt);
  return full * (1 - random() / 2);
}
