import { Fragment } from "preact";
import { useCallback, useState } from "preact/hooks";
import type { Api } from "./api";
import type { Relay, RelayKind, RelayMode, RelayRule } from "./control";
import { Confirm } from "./dialog";
import { bitrate, clock, duration, number } from "./format";
import { w } from "./i18n/language";
import { StreamLink } from "./marks";
import { usePoll } from "./poll";
import { RelayDialog } from "./relay-dialog";
import { groups, type RelayGroup } from "./relay-model";
import { sessionHref } from "./route";
import { useToast } from "./toast";

const relaysMs = 2000;

type State = Relay["state"] | "idle";

const shapes: Record<State, string> = { running: "●", connecting: "◌", waiting: "◐", failed: "✕", stopped: "■", idle: "○" };
// As those of sessions look.
const looks: Record<State, string> = { running: "active", connecting: "waiting", waiting: "waiting", failed: "ended", stopped: "ended", idle: "ended" };

/** What is fetched from elsewhere and sent on, by the rules for it, and how to change that. */
export function Relays({ api, now }: { api: Api; now: number }) {
  return (
    <div class="relaying">
      <RelayPanel api={api} kind="pulls" now={now} />
      <RelayPanel api={api} kind="forwards" now={now} />
    </div>
  );
}

interface RelayPanelProps {
  api: Api;
  kind: RelayKind;
  /** The server's clock in ms since 1970. */
  now: number;
}

/** One kind of relays; if there are none, only how to add one. */
function RelayPanel({ api, kind, now }: RelayPanelProps) {
  // Grows with each change, so that what is shown is asked for at once.
  const [turn, setTurn] = useState(0);
  const list = usePoll(useCallback((signal) => api.relays(kind, signal), [api, kind, turn]), relaysMs);
  const [adds, setAdds] = useState(false);
  const [removed, remove] = useState("");
  const tell = useToast();
  if (!list.data) return null;

  const changed = () => setTurn((t) => t + 1);
  const turnTo = (to: "stop" | "start", stream: string, target: string) =>
    api
      .switchRelay(kind, to, stream, target)
      .catch((err: unknown) => tell(w().trouble.failed(err instanceof Error ? err.message : String(err))))
      .finally(changed);
  const words = w().relay;
  const found = groups(list.data);
  return (
    <section class={found.length > 0 ? "panel relays" : "relays"} data-relays={kind}>
      <header>
        {found.length > 0 && <h3>{words[kind].title}</h3>}
        <button type="button" class="plain add" onClick={() => setAdds(true)}>
          <span aria-hidden="true">＋</span> {words[kind].add}
        </button>
      </header>
      {found.length > 0 && <Table kind={kind} found={found} now={now} onTurn={turnTo} onRemove={remove} />}
      {adds && <RelayDialog api={api} kind={kind} onAdded={changed} onClose={() => setAdds(false)} />}
      {removed && (
        <Confirm
          title={words.removeTitle(removed)}
          text={words[kind].removeText}
          action={words.remove}
          onConfirm={() => api.removeRelay(kind, removed).finally(changed)}
          onClose={() => remove("")}
        />
      )}
    </section>
  );
}

interface Does {
  /** Stops or starts what goes to a target; all that is of the stream if that is empty. */
  onTurn: (to: "stop" | "start", stream: string, target: string) => void;
  /** Asks whether to remove the rule of a pattern. */
  onRemove: (pattern: string) => void;
}

interface TableProps extends Does {
  kind: RelayKind;
  found: RelayGroup[];
  now: number;
}

function Table({ kind, found, now, onTurn, onRemove }: TableProps) {
  const words = w().relay;
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{w().session.state}</th>
          <th>{w().session.stream}</th>
          <th>{words[kind].peer}</th>
          <th class="figure">{w().session.rate}</th>
          <th class="figure">{w().session.duration}</th>
          <th class="figure">{words.attempts}</th>
          <th>{words.failure}</th>
          <th>
            <span class="hidden">{words.change}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map(({ rule, only, relays }) => (
          <Fragment key={rule?.streams.join(" ")}>
            {rule && !(only && relays.length > 0) && (
              <RuleRow rule={rule} only={only} running={relays.length} peer={words[kind].peer} onTurn={onTurn} onRemove={onRemove} />
            )}
            {relays.map((r, i) => (
              <RelayRow
                key={`${r.stream} ${r.peer}`}
                relay={r}
                kind={kind}
                now={now}
                onTurn={onTurn}
                // Of the rule, so once.
                onRemove={only && rule?.added && i === 0 ? onRemove : undefined}
                below={!!rule && !only}
              />
            ))}
          </Fragment>
        ))}
      </tbody>
    </table>
  );
}

interface RuleRowProps extends Does {
  rule: RelayRule;
  only: string | undefined;
  /** How many streams run by it. */
  running: number;
  /** What the addresses are. */
  peer: string;
}

/** A rule by which nothing runs, or that is for more than one stream. */
function RuleRow({ rule, only, running, peer, onTurn, onRemove }: RuleRowProps) {
  const words = w().relay;
  const [pattern = ""] = rule.streams;
  return (
    <tr data-rule={rule.streams.join(" ")}>
      <td data-label={w().session.state}>{running > 0 ? <span class="aside">{words.count(running)}</span> : <StateMark state="idle" />}</td>
      <td data-label={w().session.stream}>
        {rule.streams.map((s) => (
          <span key={s} class="code">
            {s}
          </span>
        ))}
        <Mode mode={rule.mode} />
      </td>
      <td data-label={peer} colSpan={5}>
        {rule.peers.map((p) => (
          <span key={p} class="code">
            {p}
          </span>
        ))}
      </td>
      <td class="do">
        {only && <Turn to="stop" name={only} onClick={() => onTurn("stop", only, "")} />}
        {rule.added && <Remove name={pattern} onClick={() => onRemove(pattern)} />}
      </td>
    </tr>
  );
}

interface RelayRowProps extends Pick<Does, "onTurn">, Partial<Pick<Does, "onRemove">> {
  relay: Relay;
  kind: RelayKind;
  now: number;
  /** Its rule is for more streams and has a row above. */
  below: boolean;
}

function RelayRow({ relay: r, kind, now, below, onTurn, onRemove }: RelayRowProps) {
  const words = w().relay;
  const to = r.state === "stopped" ? "start" : "stop";
  const name = kind === "pulls" ? r.stream : `${r.stream} → ${r.peer}`;
  return (
    <tr data-relay={r.stream} data-state={r.state} class={below ? "under" : undefined}>
      <td data-label={w().session.state}>
        <StateMark state={r.state} />
      </td>
      <td data-label={w().session.stream}>
        <StreamLink name={r.stream} />
        {!below && <Mode mode={r.mode} />}
      </td>
      <td data-label={words[kind].peer}>{r.session ? <a class="code" href={sessionHref(r.session)}>{r.peer}</a> : <span class="code">{r.peer}</span>}</td>
      <td class="figure" data-label={w().session.rate}>
        {r.state === "running" ? bitrate(r.bitrate) : "–"}
      </td>
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
      <td class="do">
        <Turn to={to} name={name} onClick={() => onTurn(to, r.stream, kind === "pulls" ? "" : r.peer)} />
        {onRemove && <Remove name={r.stream} onClick={() => onRemove(r.stream)} />}
      </td>
    </tr>
  );
}

function StateMark({ state }: { state: State }) {
  return (
    <span class="mark" data-state={looks[state]}>
      <span aria-hidden="true">{shapes[state]}</span> {w().relay.states[state]}
    </span>
  );
}

function Mode({ mode }: { mode: RelayMode }) {
  return mode ? <span class="chip">{w().relay.modes[mode]}</span> : null;
}

interface DoProps {
  /** Of what it is done to. */
  name: string;
  onClick: () => void;
}

const signs = { stop: "■", start: "▶" };

function Turn({ to, name, onClick }: DoProps & { to: "stop" | "start" }) {
  const label = w().relay[to](name);
  return (
    <button type="button" class={`plain ${to}`} aria-label={label} title={label} onClick={onClick}>
      {signs[to]}
    </button>
  );
}

function Remove({ name, onClick }: DoProps) {
  const label = w().relay.removeThis(name);
  return (
    <button type="button" class="plain remove" aria-label={label} title={label} onClick={onClick}>
      ✕
    </button>
  );
}
