import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PlayerStatus } from "../player/player";

/** What the element gives to a player. */
interface Fake {
  stream: string;
  via: string | undefined;
  stopped: boolean;
  say(status: PlayerStatus): void;
}

const { players, Player } = vi.hoisted(() => {
  const players: Fake[] = [];
  class Player {
    private readonly fake: Fake;
    constructor(_: unknown, stream: string, __: unknown, wishes: { via?: string }, ___: unknown, say: Fake["say"]) {
      this.fake = { stream, via: wishes.via, stopped: false, say };
    }
    start() {
      players.push(this.fake);
    }
    stop() {
      this.fake.stopped = true;
    }
    latency() {
      return { seconds: 0.35, by: "arrival" };
    }
  }
  return { players, Player };
});
vi.mock("../player/player", () => ({ Player }));

/** As much of the DOM as the element uses. */
class FakeElement extends EventTarget {
  readonly attributes = new Map<string, string>();
  readonly children: FakeElement[] = [];
  adoptedStyleSheets: unknown[] = [];
  textContent = "";
  hidden = false;
  onclick?: () => void;

  constructor(readonly tag = "") {
    super();
  }
  attachShadow() {
    return this;
  }
  append(...children: FakeElement[]) {
    this.children.push(...children);
  }
  setAttribute(name: string, value: string) {
    this.attributes.set(name, value);
    (this as { attributeChangedCallback?: (name: string) => void }).attributeChangedCallback?.(name);
  }
  getAttribute(name: string) {
    return this.attributes.get(name) ?? null;
  }
  hasAttribute(name: string) {
    return this.attributes.has(name);
  }
}

class FakeVideo extends FakeElement {
  muted = false;
  controls = false;
  readonly play = vi.fn(async () => undefined);
  canPlayType() {
    return "";
  }
}

type Element = FakeElement & {
  connectedCallback(): void;
  disconnectedCallback(): void;
  play(): void;
  stop(): void;
  status: PlayerStatus | null;
  video: FakeVideo;
};

const playing: PlayerStatus = { state: "playing", message: "", way: "wsmp4", why: "It is quick.", note: "" };

describe("<weir-player>", () => {
  let element: Element;

  beforeEach(async () => {
    vi.useFakeTimers();
    vi.stubGlobal("HTMLElement", FakeElement);
    vi.stubGlobal("document", { createElement: (tag: string) => (tag === "video" ? new FakeVideo() : new FakeElement(tag)), baseURI: "http://page.example/news/" });
    vi.stubGlobal("CSSStyleSheet", class { replaceSync() {} });
    players.length = 0;
    const { playerElement } = await import("./element");
    const Weir = playerElement({} as never) as unknown as new () => Element;
    element = new Weir();
  });

  afterEach(() => {
    element.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const part = (tag: string, index = 0) => element.children.filter((c) => c.tag === tag)[index]!;
  const message = () => part("p").textContent;
  const delay = () => part("p", 1).textContent;

  function connect(attributes: Record<string, string>) {
    for (const [name, value] of Object.entries(attributes)) element.attributes.set(name, value);
    element.connectedCallback();
  }

  it("plays by itself with autoplay", () => {
    connect({ src: "http://h/live/demo", autoplay: "", muted: "", controls: "", via: "hls", token: "x" });
    expect(players).toMatchObject([{ stream: "http://h/live/demo?token=x", via: "hls" }]);
    expect(element.video).toMatchObject({ muted: true, controls: true });
  });

  it("waits for a click without", () => {
    connect({ src: "../live/demo" });
    expect(players).toEqual([]);
    expect(part("button").hidden).toBe(false);
    part("button").onclick!();
    expect(players).toMatchObject([{ stream: "http://page.example/live/demo", via: undefined }]);
    players[0]!.say(playing);
    expect(part("button").hidden).toBe(true);
    element.play();
    expect(players).toHaveLength(1);
    expect(element.video.play).toHaveBeenCalledOnce();
  });

  it("says what goes on, in words and by events", () => {
    connect({ src: "http://h/a", autoplay: "" });
    const details: unknown[] = [];
    element.addEventListener("status", (e) => details.push((e as CustomEvent).detail));
    const waiting: PlayerStatus = { ...playing, state: "waiting", message: "The stream is not live. Trying again…" };
    players[0]!.say(waiting);
    expect(message()).toBe("The stream is not live. Trying again…");
    players[0]!.say(playing);
    expect(message()).toBe("");
    expect(element.status).toBe(playing);
    expect(details).toEqual([waiting, playing]);
    vi.advanceTimersByTime(1000);
    expect(delay()).toMatch(/^WS-fMP4, 0\.[34] s behind, without the network$/);
  });

  it("tells that no stream is named", () => {
    connect({ autoplay: "" });
    expect(players).toEqual([]);
    expect(element.status).toMatchObject({ state: "error", message: "No stream is named by src." });
  });

  it("begins anew once when attributes change, and only if it plays", async () => {
    connect({ src: "http://h/a" });
    element.setAttribute("src", "http://h/b");
    await Promise.resolve();
    expect(players).toEqual([]);
    element.play();
    element.setAttribute("src", "http://h/c");
    element.setAttribute("via", "llhls");
    await Promise.resolve();
    expect(players).toMatchObject([
      { stream: "http://h/b", stopped: true },
      { stream: "http://h/c", via: "llhls", stopped: false },
    ]);
  });

  it("offers the sound that the browser refused, unless the page wants none", () => {
    connect({ src: "http://h/a", autoplay: "" });
    const unmute = part("button", 1);
    element.video.muted = true;
    players[0]!.say(playing);
    expect(unmute.hidden).toBe(false);
    unmute.onclick!();
    expect(element.video.muted).toBe(false);
    element.video.muted = true;
    element.setAttribute("muted", "");
    players[0]!.say(playing);
    expect(unmute.hidden).toBe(true);
  });

  it("ends when it is taken out of the document", () => {
    connect({ src: "http://h/a", autoplay: "" });
    players[0]!.say(playing);
    vi.advanceTimersByTime(1000);
    element.disconnectedCallback();
    expect(players[0]!.stopped).toBe(true);
    expect([element.status, message(), delay()]).toEqual([null, "", ""]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
