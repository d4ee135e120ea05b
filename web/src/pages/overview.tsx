import { useState } from "preact/hooks";
import type { Api, Info, StreamList } from "../api";
import { Chart } from "../chart";
import type { Sample } from "../control";
import { bitrate, bytes, delay, number, percent, protocol } from "../format";
import { w } from "../i18n/language";
import { Publish } from "../publish";
import { Relays } from "../relays";
import { viewersOf } from "../samples";
import { Streams } from "../streams";
import type { Trend } from "../trends";
import { useStats } from "../use-stats";

interface OverviewProps {
  api: Api;
  list: StreamList;
  info: Info | undefined;
  trends: ReadonlyMap<string, Trend>;
  onPlay: (name: string) => void;
  onPublish: () => void;
}

// Fewer streams are found by looking.
const manyStreams = 12;

/** How the server does, and its streams. */
export function Overview({ api, list, info, trends, onPlay, onPublish }: OverviewProps) {
  const { streams, now } = list;
  const stats = useStats(api);
  const [wanted, setWanted] = useState("");
  const publish = <Publish info={info} onPublish={onPublish} />;
  const shown = streams.filter((s) => s.name.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <div class="page">
      <h2 class="hidden">{w().page.overview}</h2>
      <Warnings warnings={info?.warnings} />
      {stats.data !== null && <Charts samples={stats.data ?? []} />}
      <Relays api={api} now={now} />
      {streams.length === 0 ? (
        <section class="panel empty">
          <h2>{w().overview.none}</h2>
          <p>{w().overview.noneHint}</p>
          {publish}
        </section>
      ) : (
        <>
          {(streams.length > manyStreams || wanted) && (
            <label class="find">
              <span>{w().overview.toFind}</span>
              <input type="search" value={wanted} onInput={(e) => setWanted(e.currentTarget.value)} />
            </label>
          )}
          {shown.length > 0 ? <Streams streams={shown} now={now} info={info} trends={trends} onPlay={onPlay} /> : <p class="none">{w().overview.noneFound}</p>}
          <details class="panel">
            <summary>{w().overview.another}</summary>
            {publish}
          </details>
        </>
      )}
    </div>
  );
}

function Warnings({ warnings }: { warnings: string[] | undefined }) {
  if (!warnings?.length) return null;
  return (
    <section class="banner" aria-label={w().overview.warnings}>
      <h3>
        <span aria-hidden="true">⚠</span> {w().overview.warnings}
      </h3>
      <ul lang="en">
        {warnings.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </section>
  );
}

/** The server's figures. They have their place before there are any, so that nothing jumps. */
function Charts({ samples }: { samples: Sample[] }) {
  const words = w().overview;
  const at = samples.map((s) => Date.parse(s.at) / 1000);
  const newest = samples.at(-1);
  const viewers = Object.entries(newest?.viewers ?? {}).filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  return (
    <section class="charts" aria-label={words.charts}>
      <Chart
        title={words.bitrate}
        at={at}
        format={bitrate}
        lines={[
          { label: words.outgoing, values: samples.map((s) => s.bitrate_out) },
          { label: words.incoming, values: samples.map((s) => s.bitrate_in) },
        ]}
      />
      <Chart title={words.viewers} at={at} format={number} lines={[{ label: "", values: samples.map(viewersOf) }]}>
        {/* Where there is no room for all of them, the title has them. */}
        <span class="chips" title={viewers.map(([id, n]) => `${protocol(id)} ${number(n)}`).join(" · ")}>
          {viewers.map(([id, n]) => (
            <span key={id} class="chip" title={w().viewersBy(n, protocol(id))}>
              {protocol(id)} {number(n)}
            </span>
          ))}
        </span>
      </Chart>
      <Chart
        title={words.lag}
        at={at}
        format={delay}
        unknown={words.noLag}
        lines={[
          { label: words.median, values: samples.map((s) => s.lag_ms?.p50 ?? null) },
          { label: words.worst, values: samples.map((s) => s.lag_ms?.p99 ?? null) },
        ]}
      />
      <Chart title={words.cpu} at={at} format={percent} lines={[{ label: "", values: samples.map((s) => s.cpu) }]}>
        <span class="aside">
          {words.cpuHint}
          {newest && ` · ${words.memory(bytes(newest.memory_bytes))}`}
        </span>
      </Chart>
    </section>
  );
}
