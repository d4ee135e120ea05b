import { useCallback, useMemo, useState } from "preact/hooks";
import { PlayAddresses, PublishAddresses, canPublish } from "../addresses";
import type { Api, Info, Stream, StreamList } from "../api";
import { Chart } from "../chart";
import { Confirm } from "../dialog";
import { EventList } from "../event-list";
import { bitrate, bytes, clock, decimal, duration, frameRate, number, trackFormat } from "../format";
import { w } from "../i18n/language";
import { useKick } from "../kick";
import { Lacks } from "../lacks";
import { ProtocolChip } from "../marks";
import { PlayerView } from "../player-view";
import { capabilities } from "../player/choose";
import type { Way } from "../player/ways";
import { usePoll } from "../poll";
import { recordingsHref, sessionHref } from "../route";
import { Fact } from "../session-details";
import { SessionTable } from "../session-table";
import { hue, PlaySign, StateBadge, VerdictText, verdictOf } from "../streams";
import { viewHref } from "../session-filter";
import { anySession } from "../control";
import { Thumbnail } from "../thumbnail";
import { useToast } from "../toast";
import type { Trend } from "../trends";
import { useEvents } from "../use-events";

const viewersMs = 2000;
// More are on the page of sessions.
const mostViewers = 20;

interface StreamPageProps {
  api: Api;
  search: string;
  list: StreamList | undefined;
  /** The API has answered or failed. */
  settled: boolean;
  info: Info | undefined;
  trends: ReadonlyMap<string, Trend>;
}

/** Everything about one stream, also while nobody publishes it. */
export function StreamPage({ search, ...props }: StreamPageProps) {
  const name = new URLSearchParams(search).get("name") ?? "";
  return <Page key={name} name={name} {...props} />;
}

function Page({ api, name, list, settled, info, trends }: Omit<StreamPageProps, "search"> & { name: string }) {
  const stream = list?.streams.find((s) => s.name === name);
  const words = w().stream;
  return (
    <div class="page stream-page">
      <h2>{name}</h2>
      <p>
        <a href={recordingsHref(name)}>{w().page.recordings}</a>
      </p>
      <div class="split">
        <section class="panel tight" aria-label={words.play}>
          <Picture name={name} stream={stream} list={list} settled={settled} />
        </section>
        <div class="stack">
          {stream ? (
            <>
              <Verdict stream={stream} info={info} />
              <Layout stream={stream} />
              <Publisher api={api} stream={stream} />
            </>
          ) : (
            settled && (
              <section class="panel">
                <h3>{words.gone}</h3>
                <p>{words.goneHint}</p>
              </section>
            )
          )}
        </div>
      </div>
      {stream && <Charts trend={trends.get(name)} />}
      <Viewers api={api} name={name} />
      <section class="panel addresses">
        <h3>{w().addresses.play}</h3>
        <PlayAddresses name={name} info={info} />
        {canPublish(info) && <h3>{w().addresses.publish}</h3>}
        <PublishAddresses name={name} info={info} />
      </section>
      <History api={api} name={name} />
    </div>
  );
}

type PictureProps = Pick<StreamPageProps, "list" | "settled"> & { name: string; stream: Stream | undefined };

/** The player, once it is asked for: who looks at the figures need not fetch the stream. */
function Picture({ name, stream, list, settled }: PictureProps) {
  const [playing, setPlaying] = useState(false);
  const [via, setVia] = useState<Way>();
  if (playing) return <PlayerView playing={{ name, via }} stream={stream} at={list?.at} settled={settled} onVia={setVia} />;
  return (
    <button type="button" class="card" aria-label={w().card.play(name)} onClick={() => setPlaying(true)}>
      <span class="poster" style={{ "--hue": hue(name) }}>
        {stream && <Thumbnail stream={stream} />}
        {stream && list && <StateBadge stream={stream} now={list.now} />}
        <PlaySign />
        <span class="badge picture">{w().stream.play}</span>
      </span>
    </button>
  );
}

function Verdict({ stream, info }: { stream: Stream; info: Info | undefined }) {
  const browser = useMemo(capabilities, []);
  const verdict = verdictOf(stream, info, browser);
  if (!verdict && stream.left_out.length === 0) return null;
  return (
    <section class="panel">
      <h3>{w().stream.verdict}</h3>
      {verdict && <VerdictText verdict={verdict} />}
      <Lacks lacks={stream.left_out} />
    </section>
  );
}

function Layout({ stream }: { stream: Stream }) {
  const words = w().stream;
  return (
    <section class="panel">
      <h3>{words.layout}</h3>
      {stream.tracks.length === 0 ? (
        <p>{words.noTracks}</p>
      ) : (
        <table class="rows small">
          <thead>
            <tr>
              <th>{words.track}</th>
              <th>{words.codec}</th>
              <th>{words.format}</th>
              <th class="figure">{words.bitrate}</th>
            </tr>
          </thead>
          <tbody>
            {stream.tracks.map((t) => (
              <tr key={t.id}>
                <td data-label={words.track}>{w().kinds[t.kind]}</td>
                <td data-label={words.codec}>{[t.codec, t.profile].filter(Boolean).join(" ")}</td>
                <td data-label={words.format}>{[trackFormat(t), t.has_b_frames && words.bFrames].filter(Boolean).join(" · ") || "–"}</td>
                <td class="figure" data-label={words.bitrate}>
                  {t.bitrate ? bitrate(t.bitrate) : "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {stream.gop_s > 0 && <p>{words.gop(decimal(stream.gop_s, 1))}</p>}
    </section>
  );
}

// Publishers send many frames a second; a pause that lasts as long is worth a word.
const silenceS = 2;

function Publisher({ api, stream }: { api: Api; stream: Stream }) {
  const [asks, setAsks] = useState(false);
  const tell = useToast();
  const words = w().stream;
  const { publisher } = stream;
  const release = async () => {
    await api.release(stream.name);
    tell(words.released);
  };
  return (
    <section class="panel publisher">
      <h3>{words.publisher}</h3>
      {publisher ? (
        <>
          <p class="lead">
            <ProtocolChip id={publisher.protocol} action="publish" />{" "}
            <a class="code" href={sessionHref(publisher.session)}>
              {publisher.remote}
            </a>
          </p>
          <dl class="facts">
            <Fact name={w().session.user}>{publisher.user || words.anonymous}</Fact>
            <Fact name={w().session.agent}>{publisher.encoder}</Fact>
            <Fact name={words.since}>{clock(Date.parse(stream.since))}</Fact>
            <Fact name={words.received}>{bytes(stream.bytes_in)}</Fact>
            {(stream.last_frame_s ?? 0) >= silenceS && <Fact name={words.silent}>{duration(stream.last_frame_s!)}</Fact>}
          </dl>
          <button type="button" class="plain release" onClick={() => setAsks(true)}>
            {words.release}…
          </button>
        </>
      ) : (
        <p>{words.noPublisher}</p>
      )}
      {asks && <Confirm title={words.releaseTitle(stream.name)} text={words.releaseText} action={words.release} onConfirm={release} onClose={() => setAsks(false)} />}
    </section>
  );
}

function Charts({ trend }: { trend: Trend | undefined }) {
  const words = w().stream;
  const { at, bitrate: rates, frameRate: pictures, viewers } = trend ?? { at: [], bitrate: [], frameRate: [], viewers: [] };
  return (
    <section class="charts" aria-label={words.charts}>
      <Chart title={words.bitrate} at={at} format={bitrate} lines={[{ label: "", values: rates }]} />
      <Chart title={words.frameRate} at={at} format={frameRate} lines={[{ label: "", values: pictures }]} />
      <Chart title={words.viewers} at={at} format={number} lines={[{ label: "", values: viewers }]} />
    </section>
  );
}

function Viewers({ api, name }: { api: Api; name: string }) {
  const load = useCallback((signal: AbortSignal) => api.sessions({ stream: name, action: "play" }, 0, mostViewers, signal), [api, name]);
  const { data } = usePoll(load, viewersMs);
  const kick = useKick(api);
  const words = w().stream;
  return (
    <section class="panel">
      <h3>{words.viewers}</h3>
      {data && data.sessions.length > 0 ? (
        <>
          <SessionTable sessions={data.sessions} now={data.now} ofStream hrefOf={sessionHref} onKick={kick.ask} />
          {data.total > mostViewers && (
            <p>
              <a href={viewHref({ ended: false, filter: { ...anySession, stream: name, action: "play" }, offset: 0, id: "" })}>{words.allViewers(data.total)}</a>
            </p>
          )}
        </>
      ) : (
        <p>{data ? words.noViewers : w().page.loading}</p>
      )}
      {kick.dialog}
    </section>
  );
}

function History({ api, name }: { api: Api; name: string }) {
  const { events } = useEvents(api, patternOf(name));
  const mine = events.filter((e) => e.stream === name);
  const words = w().stream;
  return (
    <section class="panel">
      <h3>{words.events}</h3>
      {mine.length > 0 ? <EventList events={mine} ofStream /> : <p>{words.noEvents}</p>}
    </section>
  );
}

/** The choice of a stream's events; all of them if its name means more in a pattern. */
function patternOf(name: string): Record<string, string> {
  return /[*{},]/.test(name) ? {} : { stream: name };
}
