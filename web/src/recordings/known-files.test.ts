import { beforeEach, describe, expect, it } from "vitest";
import { KnownFiles, wholeMs } from "./known-files";
import { spanOf, type Kept, type Recording, type Span } from "./model";

const noon = Date.UTC(2026, 10, 21, 12);
const minute = 60_000;
const hour = 60 * minute;
const { signal } = new AbortController();

/** Records a stream in files of a minute, and counts which it was asked for. */
class Server {
  files: Recording[] = [];
  now = noon;
  /** How many files each answer had. */
  answers: number[] = [];
  most = 5000;

  record(ms: number) {
    for (const end = this.now + ms; this.now < end; ) {
      let last = this.files.at(-1);
      if (!last?.writing) {
        last = { id: String(this.now), start: new Date(this.now).toISOString(), duration_s: 0, bytes: 0, writing: true } as Recording;
        this.files.push(last);
      }
      const step = Math.min(end - this.now, minute - last.duration_s * 1000);
      this.now += step;
      const duration_s = last.duration_s + step / 1000;
      this.files[this.files.length - 1] = { ...last, duration_s, bytes: duration_s, writing: duration_s < 60 };
    }
  }

  /** The file that is written is complete, whether or not there was more to write. */
  end() {
    this.files[this.files.length - 1] = { ...this.files.at(-1)!, writing: false };
  }

  remove(at: number) {
    this.files.splice(at, 1);
  }

  get kept(): Kept {
    const to = Math.max(...this.files.map((r) => spanOf(r).to));
    const bytes = this.files.reduce((n, r) => n + r.bytes, 0);
    return { stream: "a", recordings: this.files.length, bytes, from: this.files[0]!.start, to: new Date(to).toISOString() };
  }

  in = ({ from, to }: Span) => this.files.filter((r) => spanOf(r).from < to && spanOf(r).to > from);

  ask = async (span: Span) => {
    const all = this.in(span);
    const recordings = all.slice(0, this.most);
    this.answers.push(recordings.length);
    return { recordings, more: all.length > recordings.length };
  };
}

let server: Server;
let known: KnownFiles;
let all: Span;

beforeEach(async () => {
  server = new Server();
  server.record(2 * hour + minute / 2);
  known = new KnownFiles(server.ask);
  all = { from: noon, to: server.now + minute };
  await look(all);
  server.answers = [];
});

const look = (span: Span) => known.load(span, server.kept, server.now, signal);

describe("known files", () => {
  it("are not asked for again while nothing changes", async () => {
    server.end();
    await look(all);
    server.now += hour;
    expect((await look(all)).recordings).toEqual(server.files);
    expect(server.answers).toEqual([1]);
  });

  it("tell that one is complete of which nothing came for long", async () => {
    server.now += hour;
    server.end();
    expect((await look(all)).recordings.at(-1)).toMatchObject({ writing: false });
  });

  it("are told as they grow and come, by few answers", async () => {
    for (let i = 0; i < 11; i++) {
      server.record(5000);
      all.to += 5000;
      expect((await look(all)).recordings).toEqual(server.files);
    }
    expect(server.answers.length).toBe(11);
    expect(Math.max(...server.answers)).toBeLessThan(5);
  });

  it("go with the time, and the oldest go", async () => {
    for (let i = 0; i < 100; i++) {
      server.record(5000);
      if (i % 12 === 0) server.remove(0);
      const span = { from: server.now - hour, to: server.now };
      expect((await look(span)).recordings).toEqual(server.in(span));
      expect((await look(all)).recordings).toEqual(server.in(all));
    }
  });

  it("of a part are known, and those around it are not", async () => {
    server.end();
    await look(all);
    server.answers = [];
    const part = { from: noon + hour, to: noon + hour + 10 * minute };
    expect((await look(part)).recordings).toEqual(server.in(part));
    expect(server.answers).toEqual([]);
    known = new KnownFiles(server.ask);
    await look(part);
    for (const wider of [{ ...part, to: part.to + hour }, { ...part, from: noon }]) expect((await look(wider)).recordings).toEqual(server.in(wider));
    expect(server.answers.length).toBe(3);
  });

  it("that go from the midst are missed after a while", async () => {
    server.end();
    server.remove(7);
    expect((await look(all)).recordings).toContainEqual(expect.objectContaining({ id: String(noon + 7 * minute) }));
    server.now += wholeMs;
    expect((await look(all)).recordings).toEqual(server.files);
    await look(all);
    expect(server.answers.at(-1)).toBe(server.files.length);
  });

  it("that go from the end are missed at once", async () => {
    server.remove(-1);
    expect((await look(all)).recordings).toEqual(server.files);
  });

  it("of which there are too many are asked for again only after a while", async () => {
    server.most = 50;
    known = new KnownFiles(server.ask);
    for (let i = 0; i < 11; i++) {
      expect(await look(all)).toEqual({ recordings: server.files.slice(0, 50), more: true });
      server.record(5000);
    }
    expect(server.answers).toEqual([50]);
    const part = { from: noon + hour, to: noon + hour + 10 * minute };
    expect(await look(part)).toEqual({ recordings: server.in(part), more: false });
  });

  it("stay known if the server cannot be reached", async () => {
    server.record(5000);
    const { ask } = server;
    known = new KnownFiles((span) => server.ask(span));
    await look(all);
    server.record(5000);
    server.ask = async () => Promise.reject(new TypeError("fetch"));
    await expect(look(all)).rejects.toThrow("fetch");
    server.ask = ask;
    server.answers = [];
    expect((await look(all)).recordings).toEqual(server.files);
    expect(server.answers[0]).toBeLessThan(5);
  });
});
