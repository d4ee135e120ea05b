import { describe, expect, it } from "vitest";
import { pageHref, pageOf, recordingsHref, sessionHref, streamHref } from "./route";
import { isFiltered, viewFrom, viewHref } from "./session-filter";
import { anySession } from "./control";

describe("pages", () => {
  it.each([
    ["", "overview"],
    ["?play=live/test&via=hls", "overview"],
    ["?page=sessions&stream=a", "sessions"],
    ["?page=stream&name=live/test", "stream"],
    ["?page=recordings&stream=a", "recordings"],
    ["?page=of-tomorrow", "overview"],
  ])("%s is %s", (search, page) => expect(pageOf(search)).toBe(page));

  it("have addresses without what is empty", () => {
    expect(pageHref("overview")).toBe("?");
    expect(pageHref("sessions", { protocol: "rtmp", user: "" })).toBe("?page=sessions&protocol=rtmp");
    expect(sessionHref("abc")).toBe("?page=sessions&id=abc");
  });

  it("lead to a moment of a recording", () => {
    const query = new URLSearchParams(recordingsHref("a&b/c", "2026-11-21T12:00:00.000Z"));
    expect([query.get("stream"), query.get("at"), recordingsHref("a")]).toEqual(["a&b/c", "2026-11-21T12:00:00.000Z", "?page=recordings&stream=a"]);
  });

  it.each(["live/test", "a&b/c=d", "x+y", "100%", "a#b?c"])("lead to the stream %s", (name) => {
    expect(new URLSearchParams(streamHref(name)).get("name")).toBe(name);
  });
});

describe("sessions in the address", () => {
  it("are read back", () => {
    const view = { ended: true, filter: { ...anySession, stream: "a/b c", remote: "10." }, offset: 200, id: "xyz" };
    expect(viewFrom(viewHref(view))).toEqual(view);
    expect(isFiltered(view.filter)).toBe(true);
  });
  it.each(["-5", "1.5", "many", ""])("offset %s counts as none", (offset) => {
    expect(viewFrom(`?page=sessions&offset=${offset}`)).toEqual({ ended: false, filter: anySession, offset: 0, id: "" });
  });
  it("are not filtered by nothing", () => expect(isFiltered(anySession)).toBe(false));
});
