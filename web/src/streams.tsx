import { useMemo } from "preact/hooks";
import { Addresses } from "./addresses";
import type { Info, Stream, Track } from "./api";
import { bitrate, channels, decimal, duration, frameRate, number, protocol } from "./format";
import { say, w } from "./i18n/language";
import { Lacks } from "./lacks";
import { capabilities, choose, type Capabilities } from "./player/choose";
import { verdict, type Verdict } from "./player/verdict";
import { streamHref } from "./route";
import { Sparkline } from "./sparkline";
import { Thumbnail } from "./thumbnail";
import type { Trend } from "./trends";
import { encodeName } from "./urls";

// A minute: pages with a thousand streams draw as many lines each second.
const sparkPoints = 60;

interface StreamsProps {
  streams: Stream[];
  /** The server's clock in ms. */
  now: number;
  info: Info | undefined;
  trends: ReadonlyMap<string, Trend>;
  onPlay: (name: string) => void;
}

/** All streams as cards. */
export function Streams({ streams, now, info, trends, onPlay }: StreamsProps) {
  const browser = useMemo(capabilities, []);
  return (
    <ul class="streams">
      {streams.map((s) => (
        <li key={s.name} data-stream={s.name}>
          <Card stream={s} now={now} verdict={verdictOf(s, info, browser)} onPlay={() => onPlay(s.name)} />
          <Lacks lacks={s.left_out} />
          <div class="more">
            <a class="details" href={streamHref(s.name)} aria-label={w().card.detailsOf(s.name)}>
              {w().card.details}
            </a>
            <Sparkline values={trends.get(s.name)?.bitrate.slice(-sparkPoints) ?? []} label={w().card.trend(bitrate(s.bitrate))} />
          </div>
          <Addresses name={s.name} info={info} />
        </li>
      ))}
    </ul>
  );
}

export function verdictOf(stream: Stream, info: Info | undefined, browser: Capabilities): Verdict | null {
  return verdict(stream, choose(stream, browser), info?.webrtc_port === 0);
}

interface CardProps {
  stream: Stream;
  now: number;
  verdict: Verdict | null;
  onPlay: () => void;
}

function Card({ stream, now, verdict, onPlay }: CardProps) {
  const video = stream.tracks.find((t) => t.kind === "video");
  // References to ids are separated by spaces, so an id has none.
  const about = `about-${encodeName(stream.name)}`;
  const picture = [video?.width && video.height && `${video.width}×${video.height}`, video?.frame_rate && frameRate(video.frame_rate)];
  return (
    <button type="button" class="card" onClick={onPlay} aria-label={w().card.play(stream.name)} aria-describedby={about}>
      <span class="poster" style={{ "--hue": hue(stream.name) }}>
        <Thumbnail stream={stream} />
        <StateBadge stream={stream} now={now} />
        <span class="badge viewers" title={w().viewers(stream.viewers_total)}>
          <Eye /> {number(stream.viewers_total)}
        </span>
        <PlaySign />
        <span class="badge picture">{picture.filter(Boolean).join(" · ") || (stream.ready ? w().card.audioOnly : w().card.starting)}</span>
      </span>
      <span class="about" id={about}>
        <span class="title">
          <span class="name">{stream.name}</span>
          <strong class="rate">{bitrate(stream.bitrate)}</strong>
        </span>
        <span class="codecs">{stream.tracks.filter((t) => t.kind !== "data").map(describe).join(" · ") || w().card.noTracks}</span>
        {verdict && <VerdictText verdict={verdict} />}
        <span class="flow">
          {stream.publisher && (
            <span class="chip in" title={w().card.publishedFrom(stream.publisher.remote, stream.publisher.encoder)}>
              <span aria-hidden="true">↓</span> {protocol(stream.publisher.protocol)}
            </span>
          )}
          {Object.entries(stream.viewers)
            .filter(([, n]) => n > 0)
            .map(([id, n]) => (
              <span key={id} class="chip out" title={w().viewersBy(n, protocol(id))}>
                <span aria-hidden="true">↑</span> {protocol(id)} {number(n)}
              </span>
            ))}
        </span>
      </span>
    </button>
  );
}

/** What browsers get by WebRTC, and what to do about it. */
export function VerdictText({ verdict }: { verdict: Verdict }) {
  return (
    <span class="verdict" data-gets={verdict.gets}>
      <span aria-hidden="true">{signs[verdict.gets]}</span> {say(verdict.text)}
      {verdict.why && <span class="verdict-why">{say(verdict.why)}</span>}
    </span>
  );
}

const signs: Record<Verdict["gets"], string> = { all: "✓", less: "△", nothing: "✕" };

export function StateBadge({ stream, now }: { stream: Stream; now: number }) {
  if (stream.state === "grace") return <span class="badge state grace">{w().card.lost}</span>;
  const since = Date.parse(stream.since);
  return <span class="badge state live">{Number.isNaN(since) ? w().card.live : duration((now - since) / 1000)}</span>;
}

function describe(t: Track): string {
  const parts = [t.codec, t.profile];
  if (t.sample_rate) parts.push(`${decimal(t.sample_rate / 1000, 2)} kHz`);
  if (t.channels) parts.push(channels(t.channels));
  return parts.filter(Boolean).join(" ");
}

// A stream keeps its colour from visit to visit, so that it is found by eye.
export function hue(name: string): number {
  let h = 0;
  for (const c of name) h = (Math.imul(h, 31) + c.codePointAt(0)!) >>> 0;
  // The golden angle spreads neighbouring hashes around the circle.
  return Math.round((h * 137.508) % 360);
}

export function PlaySign() {
  return (
    <svg class="play" viewBox="0 0 48 48" aria-hidden="true">
      <circle cx="24" cy="24" r="22" />
      <path d="M19 15v18l15-9z" />
    </svg>
  );
}

function Eye() {
  return (
    <svg class="eye" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z" />
      <circle cx="12" cy="12" r="3" />
    </svg>
  );
}
