import type { ComponentChildren } from "preact";
import { useCallback } from "preact/hooks";
import { isMissing, type Api } from "./api";
import type { Ended, Moment, Session } from "./control";
import { Dialog } from "./dialog";
import { bytes, clock, delay, number, protocol } from "./format";
import { w } from "./i18n/language";
import { ProtocolChip, StateMark, StreamLink } from "./marks";
import { Moments } from "./moments";
import { usePoll } from "./poll";
import { nameOf, rateOf, Reason } from "./session-table";
import { Loading, troubleText } from "./status";

const intervalMs = 2000;

interface Details {
  session: Session;
  timeline: Moment[] | undefined;
  /** Null while it runs. */
  end: Ended | null;
}

interface SessionDetailsProps {
  api: Api;
  id: string;
  onKick: (session: Session) => void;
  onClose: () => void;
}

/** A dialog with all that is known of a session, whether it runs or has ended. */
export function SessionDetails({ api, id, onKick, onClose }: SessionDetailsProps) {
  const { data, error } = usePoll(useCallback((signal) => find(api, id, signal), [api, id]), intervalMs);
  const words = w().session;
  return (
    <Dialog class="details" title={words.title(id)} onClose={onClose}>
      {data === undefined && !error && <Loading />}
      {error && <p role="alert">{troubleText(error)}</p>}
      {data === null && <p>{words.gone}</p>}
      {data && <Facts {...data} />}
      {data && !data.end && (
        <div class="buttons">
          <button type="button" class="danger" aria-label={words.kickThis(nameOf(data.session))} onClick={() => onKick(data.session)}>
            {words.kick}
          </button>
        </div>
      )}
    </Dialog>
  );
}

/** A session that runs, else one that has ended, else null. */
async function find(api: Api, id: string, signal: AbortSignal): Promise<Details | null> {
  try {
    const session = await api.session(id, signal);
    return { session, timeline: session.timeline, end: null };
  } catch (err) {
    if (!isMissing(err)) throw err;
  }
  const end = (await api.ended({}, signal)).find((e) => e.session.id === id);
  return end ? { session: end.session, timeline: end.timeline ?? end.session.timeline, end } : null;
}

function Facts({ session: s, timeline, end }: Details) {
  const words = w().session;
  const net = s.network;
  return (
    <>
      <p class="lead">
        <StateMark state={end ? "ended" : s.state} /> <ProtocolChip id={s.protocol} action={s.action} /> <StreamLink name={s.stream} />
      </p>
      {end && (
        <p class="lead">
          <Reason code={end.reason} error={end.error} />
        </p>
      )}
      <dl class="facts">
        <Fact name={words.from}>{s.remote}</Fact>
        <Fact name={words.user}>{s.user || w().stream.anonymous}</Fact>
        <Fact name={words.agent}>{s.agent}</Fact>
        <Fact name={words.transport}>{s.transport && protocol(s.transport)}</Fact>
        <Fact name={words.since}>{clock(Date.parse(s.since))}</Fact>
        <Fact name={words.end}>{end && clock(Date.parse(end.ended))}</Fact>
        <Fact name={words.bytesIn}>{s.bytes_in > 0 && bytes(s.bytes_in)}</Fact>
        <Fact name={words.bytesOut}>{s.bytes_out > 0 && bytes(s.bytes_out)}</Fact>
        <Fact name={words.rate}>{!end && rateOf(s)}</Fact>
        <Fact name={words.lag}>{!end && typeof s.lag_ms === "number" && delay(s.lag_ms)}</Fact>
        <Fact name={words.skips}>{s.action === "play" && number(s.skips)}</Fact>
        <Fact name={words.framesSkipped}>{s.frames_skipped > 0 && number(s.frames_skipped)}</Fact>
        <Fact name={words.packets}>{net && `${number(net.packets_in)} / ${number(net.packets_out)}`}</Fact>
        <Fact name={words.lost}>{net && number(net.packets_lost)}</Fact>
        <Fact name={words.jitter}>{net && delay(net.jitter_ms)}</Fact>
        <Fact name={words.roundTrip}>{typeof net?.round_trip_ms === "number" && delay(net.round_trip_ms)}</Fact>
        {s.left_out.map((o) => (
          <Fact key={o.codec} name={words.leftOut}>
            {o.codec} <span lang="en">{o.why}</span>
          </Fact>
        ))}
      </dl>
      {!!timeline?.length && (
        <>
          <h3>{words.timeline}</h3>
          <Moments moments={timeline} />
        </>
      )}
    </>
  );
}

/** A name with its value; nothing if there is none. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (!children) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
