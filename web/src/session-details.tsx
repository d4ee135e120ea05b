import type { ComponentChildren } from "preact";
import { useCallback } from "preact/hooks";
import type { Api } from "./api";
import type { Session } from "./control";
import { Dialog } from "./dialog";
import { bytes, clock, delay, number, protocol } from "./format";
import { w } from "./i18n/language";
import { ProtocolChip, StateMark, StreamLink } from "./marks";
import { Moments } from "./moments";
import { usePoll } from "./poll";
import { findSession, isOver, type SessionDetails } from "./session-model";
import { nameOf, rateOf, Reason } from "./session-table";
import { Loading, troubleText } from "./status";

const intervalMs = 2000;

interface SessionDialogProps {
  api: Api;
  id: string;
  /** Whether it is known to have ended. */
  ended: boolean;
  onKick: (session: Session) => void;
  onClose: () => void;
}

/** A dialog with all that is known of a session, whether it runs or has ended. */
export function SessionDialog({ api, id, ended, onKick, onClose }: SessionDialogProps) {
  const { data, error } = usePoll(useCallback((signal) => findSession(api, id, ended, signal), [api, id, ended]), intervalMs, isOver);
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

function Facts({ session: s, timeline, end }: SessionDetails) {
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
