import { useCallback, useState } from "preact/hooks";
import type { Api, Stream } from "../api";
import { clock } from "../format";
import { w } from "../i18n/language";
import { usePoll } from "../poll";
import { byStream, type Kept, type KeptList, type Recorded, type Recorder, type Span } from "../recordings/model";
import { Amount, Disk, RecorderMark, Start, Switch, useSwitch } from "../recordings/recorders";
import { RecordedStream } from "../recordings/recorded-stream";
import { shareOf } from "../recordings/scale";
import { recordingsHref } from "../route";
import { Loading, Trouble } from "../status";
import { hue } from "../streams";
import { Thumbnail } from "../thumbnail";

const intervalMs = 3000;

interface RecordingsPageProps {
  api: Api;
  search: string;
  go: (href: string, replace?: boolean) => void;
  /** The streams of the moment. */
  live: Stream[];
}

/** What is recorded and kept: of all streams, or of one with its timeline and player. */
export function RecordingsPage({ api, search, go, live }: RecordingsPageProps) {
  // Grows with each change, so that what is shown is asked for at once.
  const [turn, setTurn] = useState(0);
  const kept = usePoll(useCallback((signal) => api.kept(signal), [api, turn]), intervalMs);
  const recorders = usePoll(useCallback((signal) => api.recorders(signal), [api, turn]), intervalMs);
  const changed = useCallback(() => setTurn((t) => t + 1), []);
  const query = new URLSearchParams(search);
  const stream = query.get("stream") ?? "";
  const error = kept.error ?? recorders.error;
  const props = { api, live, onChange: changed };

  const content = () => {
    if (!kept.data || !recorders.data) return error ? null : <Loading />;
    const recorded = byStream(kept.data.streams, recorders.data);
    if (!stream) return <All {...props} kept={kept.data} recorded={recorded} />;
    const one = recorded.find((r) => r.stream === stream) ?? { stream };
    return <RecordedStream key={stream} {...props} recorded={one} now={kept.data.now} at={query.get("at") ?? ""} go={go} />;
  };
  return (
    <div class="page recordings">
      <h2>{stream || w().page.recordings}</h2>
      {error && <Trouble error={error} />}
      {content()}
    </div>
  );
}

interface AllProps {
  api: Api;
  live: Stream[];
  kept: KeptList;
  recorded: Recorded[];
  onChange: () => void;
}

function All({ api, live, kept, recorded, onChange }: AllProps) {
  const turnTo = useSwitch(api, onChange);
  const bounds = boundsOf(kept.streams, recorded, kept.now);
  const words = w().recordings;
  return (
    <>
      <div class="tools">
        <Start api={api} live={live} recorded={recorded} onChange={onChange} />
        <Disk kept={kept.bytes} free={kept.free_bytes} />
      </div>
      {recorded.length === 0 && (
        <section class="panel empty">
          <h3>{words.none}</h3>
          <p>{words.noneHint}</p>
        </section>
      )}
      <ul class="recorded">
        {recorded.map((r) => (
          <Item key={r.stream} recorded={r} live={live.find((s) => s.name === r.stream)} bounds={bounds} onTurn={turnTo} />
        ))}
      </ul>
    </>
  );
}

/** From the first that is kept to the last. */
function boundsOf(kept: Kept[], recorded: Recorded[], now: number): Span {
  const from = Math.min(now, ...kept.map((k) => Date.parse(k.from)));
  const ends = kept.map((k) => Date.parse(k.to));
  return { from, to: Math.max(from + 1, ...ends, ...(recorded.some((r) => r.recorder?.state === "recording") ? [now] : [])) };
}

interface ItemProps {
  recorded: Recorded;
  live: Stream | undefined;
  bounds: Span;
  onTurn: (to: "start" | "stop", stream: string) => void;
}

function Item({ recorded: { stream, kept, recorder }, live, bounds, onTurn }: ItemProps) {
  const href = recordingsHref(stream);
  return (
    <li class="panel" data-recorded={stream}>
      <a class="poster" style={{ "--hue": hue(stream) }} href={href} aria-label={w().recordings.open(stream)}>
        {live && <Thumbnail stream={live} />}
      </a>
      <div class="about">
        <a class="name" href={href}>
          {stream}
        </a>
        <RecorderMark recorder={recorder} />
        <Amount kept={kept} />
        <Extent kept={kept} recorder={recorder} bounds={bounds} />
      </div>
      <Switch stream={stream} recorder={recorder} live={live !== undefined} onTurn={onTurn} />
    </li>
  );
}

/** When there is something of a stream, within the time of which there is something of any. */
function Extent({ kept, recorder, bounds }: { kept: Kept | undefined; recorder: Recorder | undefined; bounds: Span }) {
  if (!kept) return null;
  const [from, to] = [shareOf(Date.parse(kept.from), bounds), shareOf(Date.parse(kept.to), bounds)];
  const text = w().recordings.extent(clock(Date.parse(kept.from)), clock(Date.parse(kept.to)));
  return (
    <span class="band extent" role="img" aria-label={text} title={text}>
      <span class="bar" data-writing={recorder?.state === "recording" || undefined} style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%` }} />
    </span>
  );
}
