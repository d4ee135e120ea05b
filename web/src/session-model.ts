// What is known of one session.

import { isMissing, type Api } from "./api";
import type { Ended, Moment, Session } from "./control";

export interface SessionDetails {
  session: Session;
  timeline: Moment[] | undefined;
  /** Null while it runs. */
  end: Ended | null;
}

/**
 * A session that runs, else one that has ended, else null. One that is known to
 * have `ended` is not looked for among those that run: browsers log each 404.
 */
export async function findSession(api: Api, id: string, ended: boolean, signal: AbortSignal): Promise<SessionDetails | null> {
  try {
    if (!ended) {
      const session = await api.session(id, signal);
      return { session, timeline: session.timeline, end: null };
    }
  } catch (err) {
    if (!isMissing(err)) throw err;
  }
  const end = (await api.ended({}, signal)).find((e) => e.session.id === id);
  return end ? { session: end.session, timeline: end.timeline ?? end.session.timeline, end } : null;
}

/** Whether nothing new will be known: sessions do not come back. */
export function isOver(details: SessionDetails | null): boolean {
  return details === null || details.end !== null;
}
