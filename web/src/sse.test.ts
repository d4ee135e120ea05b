import { describe, expect, it } from "vitest";
import type { ServerEvent } from "./control";
import { EventParser } from "./sse";
import { isBeginning, mostEvents, withNewer } from "./use-events";

const text = ": events of weir\n\nid: 1\ndata: {\"a\": 1}\n\n:\n\nevent: x\nid:2\r\ndata: two\r\ndata:\r\ndata:  lines\r\n\r\nretry: 5\rdata: three\r\r";
const events = [
  { id: "1", data: '{"a": 1}' },
  { id: "2", data: "two\n\n lines" },
  { id: "2", data: "three" },
];

describe("EventParser", () => {
  it("reads events, and passes over comments and other fields", () => {
    expect(new EventParser().push(`${text}data: without an end`)).toEqual(events);
  });

  it("reads the same from pieces of any size", () => {
    for (let size = 1; size < text.length; size++) {
      const parser = new EventParser();
      const got = [];
      for (let at = 0; at < text.length; at += size) got.push(...parser.push(text.slice(at, at + size)));
      // Whether a last \r is half of a line's end shows with what comes next.
      got.push(...parser.push(" "));
      expect(got, `pieces of ${size}`).toEqual(events);
    }
  });

  it("ends a line that does not", () => {
    const parser = new EventParser();
    expect(() => {
      for (let i = 0; i < 20; i++) parser.push("x".repeat(100_000));
    }).toThrow("does not end");
  });
});

const event = (id: string, type = "session.opened", data = {}): ServerEvent => ({ id, time: "", node: "", type, stream: "", session: "", data });

describe("lists of events", () => {
  it("have the newest first, and each once", () => {
    const list = withNewer([event("2"), event("1")], [event("2"), event("3"), event("4"), event("4")]);
    expect(list.map((e) => e.id)).toEqual(["4", "3", "2", "1"]);
  });
  it("stay the same if nothing is new", () => {
    const list = [event("1")];
    expect(withNewer(list, [event("1")])).toBe(list);
  });
  it("are bounded", () => {
    const list = withNewer([], Array.from({ length: mostEvents + 5 }, (_, i) => event(String(i))));
    expect(list).toHaveLength(mostEvents);
    expect(list[0]!.id).toBe(String(mostEvents + 4));
  });
  it.each([
    ["0", "events_lost", 0, true],
    ["0", "events_lost", 3, false],
    ["17", "events_lost", 0, false],
    ["0", "server.started", 0, false],
  ])("after %s, %s of %d is the beginning: %s", (after, type, lost, want) => {
    expect(isBeginning(event("18", type, { lost }), after)).toBe(want);
  });
});
