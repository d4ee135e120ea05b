import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiError, needsToken, type Api, type Info, type Stream } from "./api";
import { bitrate, count, duration } from "./format";
import { Login } from "./login";
import { Player } from "./player-dialog";
import type { Way } from "./player/ways";
import { usePoll } from "./poll";
import { Publish, usePublishDialog } from "./publish";
import { Streams } from "./streams";
import { playFrom, playSearch, type Playing } from "./urls";

const streamsMs = 1000;
const infoMs = 10_000;

/** The whole page. */
export function App({ api }: { api: Api }) {
  const [token, setToken] = useState(api.token);
  // The token is in the dependencies so that a new one starts polling anew.
  const list = usePoll(useCallback((signal) => api.streams(signal), [api, token]), streamsMs);
  const about = usePoll(useCallback((signal) => api.info(signal), [api, token]), infoMs);
  const { playing, play, change } = usePlaying();
  const publishing = usePublishDialog();

  const error = list.error ?? about.error;
  const streams = list.data?.streams;
  const locked = needsToken(error);

  return (
    <>
      <Header streams={locked ? undefined : streams} info={about.data} />
      <main>
        {locked ? (
          <Login
            refused={token !== ""}
            onToken={(t) => {
              api.token = t;
              setToken(t);
            }}
          />
        ) : (
          <>
            {error && <Trouble error={error} />}
            {streams && list.data && (
              <Content streams={streams} now={list.data.now} info={about.data} stale={!!list.error} onPlay={play} onPublish={publishing.open} />
            )}
          </>
        )}
      </main>
      {publishing.dialog}
      {playing !== null && (
        <Player
          key={playing.name}
          playing={playing}
          stream={streams?.find((s) => s.name === playing.name)}
          at={list.data?.at}
          settled={!!list.data || !!list.error}
          info={about.data}
          onVia={change}
          onClose={() => play(null)}
        />
      )}
    </>
  );
}

function Header({ streams, info }: { streams: Stream[] | undefined; info: Info | undefined }) {
  const viewers = streams?.reduce((n, s) => n + s.viewers_total, 0) ?? 0;
  const rate = streams?.reduce((n, s) => n + s.bitrate, 0) ?? 0;
  return (
    <header class="top">
      <h1>weir</h1>
      {info && (
        <span class="version">
          {info.version} · up {duration(info.uptime_s)}
        </span>
      )}
      {!!streams?.length && (
        <span class="totals">
          {count(streams.length, "stream")} · {count(viewers, "viewer")} · {bitrate(rate)} in
        </span>
      )}
    </header>
  );
}

function Trouble({ error }: { error: Error }) {
  return (
    <p class="banner" role="alert">
      {error instanceof ApiError ? `The server answers: ${error.message}. Retrying…` : "Server unreachable, retrying…"}
    </p>
  );
}

interface ContentProps {
  streams: Stream[];
  now: number;
  info: Info | undefined;
  stale: boolean;
  onPlay: (name: string) => void;
  onPublish: () => void;
}

function Content({ streams, now, info, stale, onPlay, onPublish }: ContentProps) {
  const publish = <Publish info={info} onPublish={onPublish} />;
  if (streams.length === 0) {
    return (
      <section class="panel empty">
        <h2>No stream yet</h2>
        <p>Push one to this server and it appears here.</p>
        {publish}
      </section>
    );
  }
  return (
    <div class={stale ? "stale" : ""}>
      <Streams streams={streams} now={now} info={info} onPlay={onPlay} />
      <details class="panel">
        <summary>Push another stream</summary>
        {publish}
      </details>
    </div>
  );
}

interface PlayingState {
  playing: Playing | null;
  play: (name: string | null) => void;
  change: (via: Way | undefined) => void;
}

/** The stream in the player, kept in the address bar: a link to it, and a step for the Back button. */
function usePlaying(): PlayingState {
  const [playing, setPlaying] = useState(() => playFrom(location.search));

  useEffect(() => {
    const read = () => setPlaying(playFrom(location.search));
    addEventListener("popstate", read);
    return () => removeEventListener("popstate", read);
  }, []);

  const play = useCallback((name: string | null) => {
    if (name === (playFrom(location.search)?.name ?? null)) return;
    const next: Playing | null = name === null ? null : { name };
    history.pushState(null, "", next ? playSearch(next) : location.pathname);
    setPlaying(next);
  }, []);

  const change = useCallback((via: Way | undefined) => {
    const now = playFrom(location.search);
    if (!now) return;
    const next = { ...now, via };
    history.replaceState(null, "", playSearch(next));
    setPlaying(next);
  }, []);

  return { playing, play, change };
}
