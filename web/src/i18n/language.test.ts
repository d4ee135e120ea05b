import { afterEach, describe, expect, it } from "vitest";
import { en } from "./en";
import { current, preferred, say, speak, w } from "./language";
import { zh } from "./zh";
import { sentence } from "./zh-sentences";

const storage = (value: string | null) => ({ getItem: () => value });

describe("the language", () => {
  it.each([
    [null, ["de-DE", "zh-TW", "en"], "zh"],
    [null, ["en-US", "zh"], "en"],
    [null, ["fr"], "en"],
    [null, [], "en"],
    ["zh", ["en-US"], "zh"],
    ["klingon", ["zh-CN"], "zh"],
  ] as const)("chosen %s of a browser with %j is %s", (chosen, browser, want) => expect(preferred(storage(chosen), browser)).toBe(want));

  afterEach(() => speak("en"));
  it("changes what is said", async () => {
    await speak("zh");
    expect([current(), w().page.sessions, say("Connecting…")]).toEqual(["zh", "会话", "连接中…"]);
    await speak("en");
    expect([current(), w().page.sessions, say("Connecting…")]).toEqual(["en", "Sessions", "Connecting…"]);
  });
});

describe("translations", () => {
  // That none is missing the types say; that none is a copy they do not.
  const same = new Set(["overview.median", "overview.worst", "player.fps"]);
  it("are no copies", () => {
    const compare = (a: unknown, b: unknown, path: string) => {
      if (typeof a === "object" && a) {
        for (const key of Object.keys(a)) compare(a[key as never], b![key as never], path ? `${path}.${key}` : key);
      } else if (typeof a === "function") {
        const said = (f: unknown) => (f as (...args: unknown[]) => string)(3, 2, 1);
        if (!same.has(path)) expect(said(b), path).not.toBe(said(a));
      } else if (!same.has(path)) expect(b, path).not.toBe(a);
    };
    compare(en, zh, "");
  });
});

describe("sentences", () => {
  it.each([
    ["", ""],
    ["The stream has ended. Trying again…", "流已结束。正在重试…"],
    ["WebRTC is the way of least delay.", "WebRTC 延迟最低。"],
    ["HLS, as you chose.", "HLS，由您选择。"],
    ["This browser cannot play H265 video.", "此浏览器无法播放 H265 video。"],
    ["Browsers cannot play AC3 audio from FLV.", "浏览器无法播放来自 FLV 的 AC3 audio。"],
    ["B-frames: 18 of 25 frames per second sent; set bframes=0 in the encoder.", "B 帧：每秒 25 帧中发送 18 帧；请在编码器中设置 bframes=0。"],
    ["There is no camera or microphone. Connect one, or publish without sound.", "没有摄像头或麦克风。请连接设备，或不带声音推流。"],
    ["words of another server", "words of another server"],
  ])("%s", (english, chinese) => expect(sentence(english)).toBe(chinese));

  // What the player and the publisher tell is found in their source.
  const sources = import.meta.glob<string>(["../player/*.ts", "../publish/*.ts", "../recordings/vod.ts"], { query: "?raw", import: "default", eager: true });
  const files = ["player/failure", "player/refusal", "player/hls", "player/flv", "player/fmp4", "player/whep", "player/append-queue", "player/player", "player/choose", "player/verdict", "publish/publisher", "publish/sources", "recordings/vod"];
  it.each(files)("cover %s", (file) => {
    const source = sources[`../${file}.ts`]!;
    const literals = [...source.matchAll(/(["`])([A-Z](?:(?!\1).)*(?:[.…]|WebRTC\b(?:(?!\1).)*))\1/g)].map(([, , text]) => text!.replace(/\$\{[^}]*\}+/g, "7"));
    expect(literals.length, "sentences found").toBeGreaterThan(0);
    for (const text of literals) {
      if (/\s/.test(text)) expect(sentence(text), text).not.toBe(text);
    }
  });
});
