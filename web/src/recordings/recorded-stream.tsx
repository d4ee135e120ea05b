import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Api, Stream } from "../api";
import { clock, duration } from "../format";
import { say, w } from "../i18n/language";
import { usePoll } from "../poll";
import { pageHref, recordingsHref, streamHref } from "../route";
import { Trouble } from "../status";
import { Files } from "./files";
import { KnownFiles } from "./known-files";
import type { Kept, Recorded, Recorder, Span } from "./model";
import { Amount, RecorderMark, Switch, useSwitch } from "./recorders";
import { around, pan, spans, within, zoom } from "./scale";
import { Timeline } from "./timeline";
import { useVod } from "./use-vod";

const filesMs = 5000;
// Of a span; more could not be told apart.
const mostFiles = 5000;
// A span that is being dragged is not asked for.
const restMs = 250;

interface RecordedStreamProps {
  api: Api;
  live: Stream[];
  recorded: Recorded;
  /** The server's clock in ms since 1970. */
  now: number;
  /** The time that the address names, in RFC 3339; empty if none. */
  at: string;
  go: (href: string, replace?: boolean) => void;
  onChange: () => void;
}

/** What is kept of one stream: a player, a timeline and the files. */
export function RecordedStream({ api, live, recorded, now, at, go, onChange }: RecordedStreamProps) {
  const { stream, kept, recorder } = recorded;
  const turnTo = useSwitch(api, onChange);
  const isLive = live.some((s) => s.name === stream);
  return (
    <>
      <p class="line recorded-line">
        <a href={pageHref("recordings")}>← {w().page.recordings}</a>
        <RecorderMark recorder={recorder} />
        <Amount kept={kept} />
        {isLive && <a href={streamHref(stream)}>{w().card.live}</a>}
        <Switch {...recorded} live={isLive} onTurn={turnTo} />
      </p>
      {kept ? <KeptStream api={api} kept={kept} recorder={recorder} now={now} at={at} go={go} onChange={onChange} /> : <p class="none">{w().recordings.nothingKept}</p>}
    </>
  );
}

type KeptStreamProps = Pick<RecordedStreamProps, "api" | "now" | "at" | "go" | "onChange"> & { kept: Kept; recorder: Recorder | undefined };

function KeptStream({ api, kept, recorder, now, at: begin, go, onChange }: KeptStreamProps) {
  const { stream } = kept;
  const video = useRef<HTMLVideoElement>(null);
  const { status, at, seek } = useVod(video, api, stream);
  const bounds = { from: Date.parse(kept.from), to: Math.max(Date.parse(kept.to), recorder?.state === "recording" ? now : 0) };
  // Null until somebody chooses: then it goes with the time.
  const [chosen, setChosen] = useState<Span | null>(() => (Date.parse(begin) ? around(Date.parse(begin), spans[1]!, bounds) : null));
  const span = chosen ?? within({ from: bounds.to - spans[1]!, to: bounds.to }, bounds);
  const { files, error, reload } = useFiles(api, kept, now, span);
  const words = w().recordings;

  useEffect(() => {
    if (Date.parse(begin)) seek(Date.parse(begin));
  }, []);
  const play = (ms: number) => {
    seek(ms);
    go(recordingsHref(stream, new Date(ms).toISOString()), true);
  };
  const shown = files?.recordings.filter((r) => Date.parse(r.start) < span.to && Date.parse(r.start) + r.duration_s * 1000 > span.from) ?? [];
  const message = status === null ? words.choose : status.state === "ended" ? words.ended : status.state === "loading" ? w().page.loading : say(status.message);
  return (
    <>
      <section class="panel tight" aria-label={w().card.play(stream)}>
        <div class="screen" data-state={status?.state === "failed" ? "error" : (status?.state ?? "off")}>
          <video id="recorded" ref={video} controls playsInline />
          <p class="message" role="status">
            {message}
          </p>
        </div>
        <div class="below">
          <div class="line">
            <Ranges span={span} bounds={bounds} at={at} onSpan={setChosen} />
            <time class="played">{at !== null && clock(at)}</time>
          </div>
          <Timeline recordings={files?.recordings ?? []} span={span} bounds={bounds} at={at} onSpan={setChosen} onSeek={play} />
          {files?.more && <p class="note">{words.tooMany(files.recordings.length)}</p>}
        </div>
      </section>
      {error && <Trouble error={error} />}
      {files && (
        <Files
          api={api}
          recordings={shown}
          onPlay={play}
          onChange={() => {
            reload();
            onChange();
          }}
        />
      )}
    </>
  );
}

/** The files of a span, once it has rested; those of the one before until then. */
function useFiles(api: Api, kept: Kept, now: number, span: Span) {
  const { stream } = kept;
  const [turn, setTurn] = useState(0);
  const known = useMemo(() => new KnownFiles((part, signal) => api.recordings(stream, part, mostFiles, signal)), [api, stream, turn]);
  const newest = useRef({ kept, now });
  newest.current = { kept, now };
  const rested = useRested(span);
  const load = useCallback((signal: AbortSignal) => known.load(rested, newest.current.kept, newest.current.now, signal), [known, rested.from, rested.to]);
  const { data: files, error } = usePoll(load, filesMs);
  return { files, error, reload: () => setTurn((t) => t + 1) };
}

/** The newest value that has stayed for a while. Spans that go with the time are rounded, so that they stay. */
function useRested({ from, to }: Span): Span {
  const round = (ms: number) => Math.ceil(ms / filesMs) * filesMs;
  const [newFrom, newTo] = [round(from) - filesMs, round(to)];
  const [rested, setRested] = useState({ from: newFrom, to: newTo });
  useEffect(() => {
    const timer = setTimeout(() => setRested({ from: newFrom, to: newTo }), restMs);
    return () => clearTimeout(timer);
  }, [newFrom, newTo]);
  return rested;
}

interface RangesProps {
  span: Span;
  bounds: Span;
  at: number | null;
  onSpan: (span: Span) => void;
}

/** Buttons for how much is shown, and for what is beside it. */
function Ranges({ span, bounds, at, onSpan }: RangesProps) {
  const words = w().recordings;
  const all = bounds.to - bounds.from;
  const middle = at ?? span.to;
  const sign = (text: string, label: string, to: Span) => (
    <button type="button" class="plain" aria-label={label} title={label} onClick={() => onSpan(to)}>
      {text}
    </button>
  );
  return (
    <span class="ranges" role="group" aria-label={words.shown}>
      {sign("‹", words.earlier, pan(span, -0.5, bounds))}
      {sign("−", words.zoomOut, zoom(span, 2, middle, bounds))}
      {spans
        .filter((length) => length < all)
        .map((length) => (
          <button key={length} type="button" class="plain" aria-pressed={Math.abs(span.to - span.from - length) < 1000} onClick={() => onSpan(around(middle, length, bounds))}>
            {duration(length / 1000)}
          </button>
        ))}
      <button type="button" class="plain all" aria-pressed={span.to - span.from >= all} onClick={() => onSpan(bounds)}>
        {words.all}
      </button>
      {sign("+", words.zoomIn, zoom(span, 0.5, middle, bounds))}
      {sign("›", words.later, pan(span, 0.5, bounds))}
    </span>
  );
}
