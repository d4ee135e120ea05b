import type { Action } from "./api";
// Small pictures that stand for words, always beside them or with them in a label.

import { protocol } from "./format";
import { w } from "./i18n/language";
import { streamHref } from "./route";

/** The protocol and direction of a session. */
export function ProtocolChip({ id, action }: { id: string; action: Action }) {
  return (
    <span class={action === "publish" ? "chip in" : "chip out"} title={w().session[action]}>
      <span aria-hidden="true">{action === "publish" ? "↓" : "↑"}</span>
      <span class="hidden">{w().session[action]}</span> {protocol(id)}
    </span>
  );
}

const shapes = { active: "●", waiting: "◐", ended: "○" };

/** A session's state by shape and word. */
export function StateMark({ state }: { state: keyof typeof shapes }) {
  return (
    <span class="mark" data-state={state}>
      <span aria-hidden="true">{shapes[state]}</span> {w().session.states[state]}
    </span>
  );
}

export function StreamLink({ name }: { name: string }) {
  return <a href={streamHref(name)}>{name}</a>;
}

const icons = {
  overview: "M3 13h4v8H3zM10 3h4v18h-4zM17 9h4v12h-4z",
  recordings: "M3 5h18v14H3zm5 3v8l8-4z",
  sessions: "M8 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0 2c-4 0-7 2-7 5v2h14v-2c0-3-3-5-7-5zm9-2a3 3 0 1 0 0-6v6zm1 2c3 0 5 2 5 4v3h-5z",
  events: "M13 2 4 14h7l-1 8 9-12h-7z",
  config: "M4 6h9m5 0h2M4 12h2m5 0h9M4 18h7m5 0h4M15 4v4M8 10v4M13 16v4",
};

/** The sign of a page in the navigation. */
export function PageIcon({ page }: { page: keyof typeof icons }) {
  return (
    <svg class="icon" data-icon={page} viewBox="0 0 24 24" aria-hidden="true">
      <path d={icons[page]} />
    </svg>
  );
}
