import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { needsToken, type Api, type Info, type Stream, type StreamList } from "./api";
import { bitrate, duration } from "./format";
import { Header } from "./header";
import { current, remember, speak, w, type Language } from "./i18n/language";
import { lazy } from "./lazy";
import { Login } from "./login";
import { Overview } from "./pages/overview";
import { Player } from "./player-dialog";
import type { Way } from "./player/ways";
import { usePoll } from "./poll";
import { usePublishDialog } from "./publish";
import { pageOf, useNavigation, type Page } from "./route";
import { Loading, Trouble } from "./status";
import { Colours, useTheme } from "./theme";
import { ToastProvider, useToasts } from "./toast";
import { extend, type Trend } from "./trends";
import { playFrom, playSearch } from "./urls";

const StreamPage = lazy(async () => (await import("./pages/stream")).StreamPage);
const RecordingsPage = lazy(async () => (await import("./pages/recordings")).RecordingsPage);
const SessionsPage = lazy(async () => (await import("./pages/sessions")).SessionsPage);
const EventsPage = lazy(async () => (await import("./pages/events")).EventsPage);
const ConfigPage = lazy(async () => (await import("./pages/config")).ConfigPage);

const streamsMs = 1000;
// Pages that do not show the streams need them for the line at the top only.
const totalsMs = 5000;
const infoMs = 10_000;

/** The whole page. */
export function App({ api }: { api: Api }) {
  // A new credential starts polling anew.
  const [authorization, setAuthorization] = useState(api.authorization);
  const { search, go } = useNavigation();
  const page = pageOf(search);
  const showsStreams = page === "overview" || page === "stream";
  const list = usePoll(useCallback((signal) => api.streams(signal), [api, authorization]), showsStreams ? streamsMs : totalsMs);
  const about = usePoll(useCallback((signal) => api.info(signal), [api, authorization]), infoMs);
  const trends = useTrends(list.data);
  const { language, setLanguage } = useLanguage();
  const { theme, colours, choose } = useTheme();
  const { text, tell } = useToasts();
  const publishing = usePublishDialog();
  const playing = page === "overview" ? playFrom(search) : null;

  const error = list.error ?? about.error;
  const locked = needsToken(error);
  const streams = list.data?.streams;
  useTitle(page, search);

  const signIn = (as: () => void) => {
    as();
    setAuthorization(api.authorization);
  };
  const play = (name: string, via?: Way, replace = false) => go(playSearch({ name, via }), replace);

  const content = () => {
    switch (page) {
      case "stream":
        return <StreamPage api={api} search={search} list={list.data} settled={!!list.data || !!list.error} info={about.data} trends={trends} />;
      case "recordings":
        return <RecordingsPage api={api} search={search} go={go} live={list.data?.streams ?? []} />;
      case "sessions":
        return <SessionsPage api={api} search={search} go={go} />;
      case "events":
        return <EventsPage api={api} search={search} go={go} />;
      case "config":
        return <ConfigPage api={api} />;
      case "overview":
        return list.data ? (
          <Overview api={api} list={list.data} info={about.data} trends={trends} onPlay={play} onPublish={publishing.open} />
        ) : (
          !error && <Loading />
        );
    }
  };

  return (
    <Colours.Provider value={colours}>
      <ToastProvider value={tell}>
        <SkipLink />
        <Header
          page={page}
          totals={locked ? "" : totals(streams)}
          language={language}
          onLanguage={setLanguage}
          theme={theme}
          onTheme={choose}
          onSignOut={authorization ? () => signIn(() => (api.token = "")) : undefined}
        />
        <main id="main" tabIndex={-1} class={list.error ? "stale" : ""}>
          {locked ? (
            <Login
              refused={authorization !== ""}
              onToken={(token) => signIn(() => (api.token = token))}
              onUser={(user, password) => signIn(() => api.signIn(user, password))}
            />
          ) : (
            <>
              {error && <Trouble error={error} />}
              {content()}
            </>
          )}
        </main>
        <Foot info={locked ? undefined : about.data} />
        <p class="toast" role="status">
          {text}
        </p>
        {publishing.dialog}
        {playing && (
          <Player
            key={playing.name}
            playing={playing}
            stream={streams?.find((s) => s.name === playing.name)}
            at={list.data?.at}
            settled={!!list.data || !!list.error}
            info={about.data}
            onVia={(via) => play(playing.name, via, true)}
            onClose={() => go("?")}
          />
        )}
      </ToastProvider>
    </Colours.Provider>
  );
}

function SkipLink() {
  const skip = (e: Event) => {
    e.preventDefault();
    document.getElementById("main")!.focus();
  };
  return (
    <a class="skip" href="#main" onClick={skip}>
      {w().page.skip}
    </a>
  );
}

function Foot({ info }: { info: Info | undefined }) {
  return (
    <footer class="foot">
      {info && (
        <>
          weir <span class="version">{info.version}</span> · {w().up(duration(info.uptime_s))}
        </>
      )}
    </footer>
  );
}

/** What there is, in one line. */
function totals(streams: Stream[] | undefined): string {
  if (!streams?.length) return "";
  const viewers = streams.reduce((n, s) => n + s.viewers_total, 0);
  const rate = streams.reduce((n, s) => n + s.bitrate, 0);
  return [w().streams(streams.length), w().viewers(viewers), w().bitrateIn(bitrate(rate))].join(" · ");
}

const noTrends: ReadonlyMap<string, Trend> = new Map();

function useTrends(list: StreamList | undefined): ReadonlyMap<string, Trend> {
  const known = useRef({ list, trends: noTrends });
  if (list && known.current.list !== list) known.current = { list, trends: extend(known.current.trends, list.streams, list.now) };
  return known.current.trends;
}

function useLanguage(): { language: Language; setLanguage: (to: Language) => void } {
  const [language, show] = useState(current);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  }, [language]);
  const setLanguage = async (to: Language) => {
    remember(localStorage, to);
    await speak(to);
    show(to);
  };
  return { language, setLanguage };
}

function useTitle(page: Page, search: string) {
  const name = page === "stream" ? (new URLSearchParams(search).get("name") ?? "") : page === "overview" ? "" : w().page[page];
  useEffect(() => {
    document.title = name ? `${name} · weir` : "weir";
  }, [name]);
}
