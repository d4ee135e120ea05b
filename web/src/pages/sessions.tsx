import { useCallback } from "preact/hooks";
import { ApiError, pageSize, type Api } from "../api";
import { anySession, type SessionFilter } from "../control";
import { protocol } from "../format";
import { w } from "../i18n/language";
import { useKick } from "../kick";
import { usePoll, type Polled } from "../poll";
import { SessionDialog } from "../session-details";
import { isFiltered, viewFrom, viewHref, type SessionView } from "../session-filter";
import { EndedTable, SessionTable } from "../session-table";
import { Loading, Trouble } from "../status";

const intervalMs = 2000;

const protocols = ["rtmp", "rtsp", "webrtc", "httpflv", "wsflv", "httpts", "wsts", "httpmp4", "wsmp4", "hls"];

interface SessionsPageProps {
  api: Api;
  search: string;
  go: (href: string, replace?: boolean) => void;
}

/** Publishers and viewers: those of the moment, or those that have ended. */
export function SessionsPage({ api, search, go }: SessionsPageProps) {
  const view = viewFrom(search);
  const kick = useKick(api);
  const change = (to: Partial<SessionView>, replace = false) => go(viewHref({ ...view, ...to }), replace);
  const hrefOf = (id: string) => viewHref({ ...view, id });
  const words = w().session;
  return (
    <div class="page">
      <h2>{w().page.sessions}</h2>
      <nav class="tabs" aria-label={words.which}>
        {[false, true].map((ended) => (
          <a key={String(ended)} href={viewHref({ ...view, ended, offset: 0, id: "" })} aria-current={ended === view.ended ? "true" : undefined}>
            {ended ? words.ended : words.active}
          </a>
        ))}
      </nav>
      <Filter view={view} onChange={(part) => change({ filter: { ...view.filter, ...part }, offset: 0 }, true)} />
      {view.ended ? (
        <EndedSessions api={api} view={view} hrefOf={hrefOf} />
      ) : (
        <RunningSessions api={api} view={view} hrefOf={hrefOf} onKick={kick.ask} />
      )}
      {view.id && <SessionDialog key={view.id} api={api} id={view.id} ended={view.ended} onKick={kick.ask} onClose={() => change({ id: "" })} />}
      {kick.dialog}
    </div>
  );
}

interface FilterProps {
  view: SessionView;
  onChange: (part: Partial<SessionFilter>) => void;
}

function Filter({ view: { filter, ended }, onChange }: FilterProps) {
  const words = w().session;
  const select = (key: "protocol" | "action" | "state", options: [value: string, label: string][]) => (
    <label>
      <span>{words[key]}</span>
      <select name={key} value={filter[key]} onChange={(e) => onChange({ [key]: e.currentTarget.value })}>
        <option value="">{words.any}</option>
        {options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
  const text = (key: "stream" | "user" | "remote") => (
    <label>
      <span>{words[key]}</span>
      <input name={key} type="search" spellcheck={false} autocapitalize="none" value={filter[key]} onInput={(e) => onChange({ [key]: e.currentTarget.value })} />
    </label>
  );
  return (
    <form class="filter" role="search" aria-label={words.filter} onSubmit={(e) => e.preventDefault()}>
      {select("protocol", protocols.map((id) => [id, protocol(id)]))}
      {select("action", [["publish", words.publish], ["play", words.play], ["forward", words.forward], ["record", words.record]])}
      {!ended && select("state", [["active", words.states.active], ["waiting", words.states.waiting]])}
      {text("stream")}
      {text("user")}
      {text("remote")}
      <button type="button" class="plain" disabled={!isFiltered(filter)} onClick={() => onChange(anySession)}>
        {words.clear}
      </button>
    </form>
  );
}

interface ListProps {
  api: Api;
  view: SessionView;
  hrefOf: (id: string) => string;
}

function RunningSessions({ api, view, hrefOf, onKick }: ListProps & Pick<Parameters<typeof SessionTable>[0], "onKick">) {
  const { filter, offset } = view;
  const key = JSON.stringify(filter);
  const load = useCallback((signal: AbortSignal) => api.sessions(JSON.parse(key) as SessionFilter, offset, pageSize, signal), [api, key, offset]);
  const list = usePoll(load, intervalMs);
  const words = w().session;
  if (!list.data) return <Missing list={list} />;
  const { sessions, total, now } = list.data;
  return (
    <>
      <Failed list={list} />
      {sessions.length === 0 ? (
        <p class="none">{isFiltered(filter) ? words.noneFiltered : words.none}</p>
      ) : (
        <SessionTable sessions={sessions} now={now} hrefOf={hrefOf} onKick={onKick} />
      )}
      <p class="pager">
        {offset > 0 && <a href={viewHref({ ...view, offset: Math.max(0, offset - pageSize) })}>← {words.earlier}</a>}
        {sessions.length > 0 && <span>{words.range(offset + 1, offset + sessions.length, total)}</span>}
        {offset + sessions.length < total && <a href={viewHref({ ...view, offset: offset + pageSize })}>{words.later} →</a>}
      </p>
    </>
  );
}

function EndedSessions({ api, view: { filter }, hrefOf }: ListProps) {
  const key = JSON.stringify({ ...filter, state: "" });
  const list = usePoll(useCallback((signal: AbortSignal) => api.ended(JSON.parse(key) as SessionFilter, signal), [api, key]), intervalMs);
  const words = w().session;
  if (!list.data) return <Missing list={list} />;
  return (
    <>
      <Failed list={list} />
      {list.data.length === 0 ? (
        <p class="none">{isFiltered(filter) ? words.noneFiltered : words.noneEnded}</p>
      ) : (
        <>
          <EndedTable ended={list.data} hrefOf={hrefOf} />
          <p class="pager">{words.newest(list.data.length)}</p>
        </>
      )}
    </>
  );
}

function Missing({ list: { error } }: { list: Polled<unknown> }) {
  return error ? <Trouble error={error} /> : <Loading />;
}

/** What the server answers in place of a list; that it cannot be reached says the page already. */
function Failed({ list: { error } }: { list: Polled<unknown> }) {
  return error instanceof ApiError ? <Trouble error={error} /> : null;
}
