import type { Ended, Session } from "./control";
import { bitrate, clock, delay, duration, number, reason } from "./format";
import { w } from "./i18n/language";
import { ProtocolChip, StateMark, StreamLink } from "./marks";

interface SessionTableProps {
  sessions: Session[];
  /** The server's clock in ms since 1970. */
  now: number;
  /** They are all of one stream, which need not be named. */
  ofStream?: boolean;
  hrefOf: (id: string) => string;
  onKick: (session: Session) => void;
}

/** A session as people call it. */
export function nameOf(s: Session): string {
  return [s.user, s.remote].filter(Boolean).join(" · ");
}

/** Running sessions. On phones each is a card. */
export function SessionTable({ sessions, now, ofStream, hrefOf, onKick }: SessionTableProps) {
  const words = w().session;
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{words.state}</th>
          <th>{words.protocol}</th>
          {!ofStream && <th>{words.stream}</th>}
          <th>{words.from}</th>
          <th>{words.user}</th>
          <th class="figure">{words.duration}</th>
          <th class="figure">{words.rate}</th>
          <th class="figure">{words.lag}</th>
          <th class="figure">{words.skips}</th>
          <th>
            <span class="hidden">{words.kick}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((s) => (
          <tr key={s.id} data-session={s.id}>
            <td data-label={words.state}>
              <StateMark state={s.state} />
            </td>
            <td data-label={words.protocol}>
              <ProtocolChip id={s.protocol} action={s.action} />
            </td>
            {!ofStream && (
              <td data-label={words.stream}>
                <StreamLink name={s.stream} />
              </td>
            )}
            <td data-label={words.from}>
              <a class="code" href={hrefOf(s.id)} aria-label={words.detailsOf(s.remote)}>
                {s.remote}
              </a>
            </td>
            <td data-label={words.user}>{s.user || "–"}</td>
            <td class="figure" data-label={words.duration}>
              {duration((now - Date.parse(s.since)) / 1000)}
            </td>
            <td class="figure" data-label={words.rate}>
              {rateOf(s)}
            </td>
            <td class="figure" data-label={words.lag}>
              {typeof s.lag_ms === "number" ? delay(s.lag_ms) : "–"}
            </td>
            <td class="figure" data-label={words.skips}>
              {number(s.skips)}
            </td>
            <td class="do">
              <button type="button" class="plain" aria-label={words.kickThis(nameOf(s))} onClick={() => onKick(s)}>
                {words.kick}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What a session moves of media at the moment. */
export function rateOf(s: Session): string {
  const rate = s.action === "publish" ? s.bitrate_in : s.bitrate_out;
  return rate === undefined ? "–" : bitrate(rate);
}

/** Sessions that have ended, and why. */
export function EndedTable({ ended, hrefOf }: { ended: Ended[]; hrefOf: (id: string) => string }) {
  const words = w().session;
  return (
    <table class="rows">
      <thead>
        <tr>
          <th>{words.end}</th>
          <th>{words.protocol}</th>
          <th>{words.stream}</th>
          <th>{words.from}</th>
          <th>{words.user}</th>
          <th class="figure">{words.duration}</th>
          <th>{words.reason}</th>
        </tr>
      </thead>
      <tbody>
        {ended.map(({ ended, reason: code, error, session: s }) => (
          <tr key={s.id} data-session={s.id}>
            <td data-label={words.end}>
              <time dateTime={ended}>{clock(Date.parse(ended))}</time>
            </td>
            <td data-label={words.protocol}>
              <ProtocolChip id={s.protocol} action={s.action} />
            </td>
            <td data-label={words.stream}>
              <StreamLink name={s.stream} />
            </td>
            <td data-label={words.from}>
              <a class="code" href={hrefOf(s.id)} aria-label={words.detailsOf(s.remote)}>
                {s.remote}
              </a>
            </td>
            <td data-label={words.user}>{s.user || "–"}</td>
            <td class="figure" data-label={words.duration}>
              {duration((Date.parse(ended) - Date.parse(s.since)) / 1000)}
            </td>
            <td data-label={words.reason}>
              <Reason code={code} error={error} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Why a session ended, with the server's own words if it has some. */
export function Reason({ code, error }: { code: string; error: string }) {
  return (
    <span class="reason" title={code}>
      {reason(code)}
      {error && (
        <span class="detail" lang="en">
          {error}
        </span>
      )}
    </span>
  );
}
