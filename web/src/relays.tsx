import { useCallback } from "preact/hooks";
import type { Api } from "./api";
import type { Relay } from "./control";
import { clock, duration, number } from "./format";
import { w } from "./i18n/language";
import { StreamLink } from "./marks";
import { usePoll } from "./poll";
import { sessionHref } from "./route";

const relaysMs = 2000;

const shapes: Record<Relay["state"], string> = { running: "●", connecting: "◌", waiting: "◐", failed: "✕" };
// As those of sessions look.
const looks: Record<Relay["state"], string> = { running: "active", connecting: "waiting", waiting: "waiting", failed: "ended" };

/** What is fetched from elsewhere and sent on; nothing if there is none of it. */
export function Relays({ api, now }: { api: Api; now: number }) {
  const pulls = usePoll(useCallback((signal) => api.pulls(signal), [api]), relaysMs);
  const forwards = usePoll(useCallback((signal) => api.forwards(signal), [api]), relaysMs);
  const words = w().relay;
  return (
    <>
      <Table title={words.pulls} peer={words.source} relays={pulls.data} now={now} />
      <Table title={words.forwards} peer={words.target} relays={forwards.data} now={now} />
    </>
  );
}

interface TableProps {
  title: string;
  peer: string;
  relays: Relay[] | undefined;
  /** The server's clock in ms since 1970. */
  now: number;
}

function Table({ title, peer, relays, now }: TableProps) {
  if (!relays?.length) return null;
  const words = w().relay;
  return (
    <section class="panel relays">
      <h3>{title}</h3>
      <table class="rows">
        <thead>
          <tr>
            <th>{w().session.state}</th>
            <th>{w().session.stream}</th>
            <th>{peer}</th>
            <th class="figure">{w().session.duration}</th>
            <th class="figure">{words.attempts}</th>
            <th>{words.failure}</th>
          </tr>
        </thead>
        <tbody>
          {relays.map((r) => (
            <tr key={`${r.stream} ${r.peer}`} data-relay={r.stream}>
              <td data-label={w().session.state}>
                <span class="mark" data-state={looks[r.state]}>
                  <span aria-hidden="true">{shapes[r.state]}</span> {words.states[r.state]}
                </span>
              </td>
              <td data-label={w().session.stream}>
                <StreamLink name={r.stream} />
              </td>
              <td data-label={peer}>{r.session ? <a class="code" href={sessionHref(r.session)}>{r.peer}</a> : <span class="code">{r.peer}</span>}</td>
              <td class="figure" data-label={w().session.duration}>
                {duration((now - Date.parse(r.since)) / 1000)}
              </td>
              <td class="figure" data-label={words.attempts}>
                {number(r.attempts)}
              </td>
              <td data-label={words.failure}>
                {r.error ? <span lang="en">{r.error}</span> : "–"}
                {r.next && <> · {words.next(clock(Date.parse(r.next)))}</>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
