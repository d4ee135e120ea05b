import { useState } from "preact/hooks";
import type { Api } from "../api";
import type { ServerEvent } from "../control";
import { EventList } from "../event-list";
import { w } from "../i18n/language";
import { pageHref } from "../route";
import { troubleText } from "../status";
import { useEvents } from "../use-events";

const groups = ["stream", "session", "server"] as const;

interface EventsPageProps {
  api: Api;
  search: string;
  go: (href: string, replace?: boolean) => void;
}

/** What happens, as it happens. */
export function EventsPage({ api, search, go }: EventsPageProps) {
  const query = new URLSearchParams(search);
  const group = groups.find((g) => g === query.get("about")) ?? "";
  const stream = query.get("stream") ?? "";
  const { events, state, error } = useEvents(api, { types: group && `${group}.*`, stream });
  // What was there when the reader paused, and when the list was cleared.
  const [held, setHeld] = useState<ServerEvent[] | null>(null);
  const [cleared, setCleared] = useState("");
  const change = (part: { about?: string; stream?: string }) => {
    setHeld(null);
    go(pageHref("events", { about: group, stream, ...part }), true);
  };

  const words = w().event;
  const after = (list: ServerEvent[], id: string) => (id ? list.filter((e) => e.id > id) : list);
  const shown = after(held ?? events, cleared);
  const more = held ? after(events, held[0]?.id ?? "").length : 0;
  return (
    <div class="page">
      <h2>{w().page.events}</h2>
      <form class="filter" role="search" aria-label={words.filter} onSubmit={(e) => e.preventDefault()}>
        <label>
          <span>{words.group}</span>
          <select name="about" value={group} onChange={(e) => change({ about: e.currentTarget.value })}>
            <option value="">{words.all}</option>
            {groups.map((g) => (
              <option key={g} value={g}>
                {words.groups[g]}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{words.stream}</span>
          <input name="stream" type="search" spellcheck={false} autocapitalize="none" placeholder={words.streamHint} value={stream} onChange={(e) => change({ stream: e.currentTarget.value.trim() })} />
        </label>
        <button type="button" class="plain pause" aria-pressed={held !== null} onClick={() => setHeld(held ? null : events)}>
          {held ? words.resume : words.pause}
        </button>
        <button type="button" class="plain" onClick={() => setCleared((held ?? events)[0]?.id ?? "")}>
          {words.clear}
        </button>
        <span class="mark" role="status" data-state={held ? "waiting" : state === "live" ? "active" : "ended"}>
          <span aria-hidden="true">{held ? "◐" : state === "live" ? "●" : "○"}</span> {held ? words.paused : words[state]}
          {more > 0 && ` · ${words.held(more)}`}
        </span>
      </form>
      {error && state === "lost" && (
        <p class="banner" role="alert">
          {troubleText(error)}
        </p>
      )}
      {shown.length > 0 ? <EventList events={shown} /> : <p class="none">{words.none}</p>}
    </div>
  );
}
