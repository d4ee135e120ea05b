import type { Action, Track } from "./api";
import { changeText } from "./config-model";
import type { ServerEvent } from "./control";
import { clock, duration, protocol, reason } from "./format";
import { w } from "./i18n/language";
import { StreamLink } from "./marks";
import { sessionHref } from "./route";

const shapes: Record<string, string> = {
  "stream.published": "▶",
  "stream.unpublished": "■",
  "stream.layout_changed": "◆",
  "stream.not_found": "?",
  "stream.no_viewers": "○",
  "record.segment": "●",
  "record.error": "✕",
  "record.recovered": "●",
  "session.opened": "+",
  "session.closed": "−",
  "session.refused": "✕",
  events_lost: "…",
};

interface EventListProps {
  /** Newest first. */
  events: ServerEvent[];
  /** They are all of one stream, which need not be named. */
  ofStream?: boolean;
}

/** Events, each with what the API tells of it to unfold. */
export function EventList({ events, ofStream }: EventListProps) {
  const names = w().event.types;
  return (
    <ol class="events">
      {events.map((e) => (
        <li key={e.id} data-type={e.type}>
          <time dateTime={e.time}>{clock(Date.parse(e.time))}</time>
          <span class="sign" aria-hidden="true">
            {shapes[e.type] ?? "•"}
          </span>
          <span class="what">{Object.hasOwn(names, e.type) ? names[e.type as keyof typeof names] : e.type}</span>
          <span class="about">
            {e.stream && !ofStream && <StreamLink name={e.stream} />}
            {e.session && (
              <a class="code" href={sessionHref(e.session)}>
                {e.session}
              </a>
            )}
            <span class="summary">{summary(e)}</span>
          </span>
          <details>
            <summary aria-label={w().event.raw} title={w().event.raw}>
              …
            </summary>
            <pre lang="en">{JSON.stringify(e, null, 1)}</pre>
          </details>
        </li>
      ))}
    </ol>
  );
}

/** What matters most of an event's data, which is what the API shows of its stream, session or server. */
export function summary({ type, data }: ServerEvent): string {
  const text = (key: string) => (typeof data[key] === "string" ? data[key] : "");
  const count = (key: string) => (typeof data[key] === "number" ? data[key] : 0);
  if (type === "events_lost") return w().event.missing(count("lost"));
  const list = (key: string) => (Array.isArray(data[key]) ? (data[key] as string[]) : []);
  if (type === "server.reloaded") return changeText({ changed: list("changed"), restart: list("restart") });
  const who = (text("protocol") && protocol(text("protocol"))) || "";
  const parts = [who, text("remote"), text("user")];
  if (type.startsWith("session.")) parts.splice(1, 0, w().session[text("action") as Action] ?? "");
  if (type === "session.closed") parts.push(reason(text("reason")), duration(count("duration_s")));
  if (type === "session.refused") parts.push(reason(text("reason")));
  const publisher = data.publisher as { protocol?: string; remote?: string } | null | undefined;
  if (type.startsWith("stream.") && publisher?.protocol) parts.push(protocol(publisher.protocol), publisher.remote ?? "");
  if (type === "stream.layout_changed" && Array.isArray(data.tracks)) parts.push(...(data.tracks as Track[]).map((t) => t.codec));
  if (type === "record.segment") parts.push(text("file"), duration(count("duration_s")));
  if (type === "record.error" || type === "record.recovered") parts.push(text("file"), reason(text("reason")));
  if (type.startsWith("server.") && text("version")) parts.push(text("version"), w().streams(count("streams")), w().viewers(count("viewers")));
  return parts.filter(Boolean).join(" · ");
}
