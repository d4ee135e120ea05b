// Which sessions are shown, as the address bar has it.

import { anySession, type SessionFilter } from "./control";
import { pageHref } from "./route";

/** What the page of sessions shows. */
export interface SessionView {
  ended: boolean;
  filter: SessionFilter;
  /** How many are left out before the first. */
  offset: number;
  /** Of the session whose details are open; empty if none. */
  id: string;
}

export function viewFrom(search: string): SessionView {
  const query = new URLSearchParams(search);
  const filter = { ...anySession };
  for (const key of Object.keys(filter) as (keyof SessionFilter)[]) filter[key] = query.get(key) ?? "";
  const offset = Number(query.get("offset") ?? 0);
  return { ended: query.has("ended"), filter, offset: Number.isInteger(offset) && offset > 0 ? offset : 0, id: query.get("id") ?? "" };
}

export function viewHref({ ended, filter, offset, id }: SessionView): string {
  return pageHref("sessions", { ...(ended && { ended: "1" }), ...filter, offset: offset > 0 ? String(offset) : "", id });
}

/** Whether it leaves sessions out. */
export function isFiltered(filter: SessionFilter): boolean {
  return Object.values(filter).some(Boolean);
}
