import { capabilities, chooseBlindly } from "../player/choose";
import { smooth } from "../player/latency";
import { Player, type Latency, type PlayerStatus } from "../player/player";
import type { Libraries } from "../player/transport";
import { ways } from "../player/ways";
import { settings, streamAttributes } from "./attributes";
import { style } from "./style";

const showMs = 1000;
// What is not in the figure.
const caveats: Record<Latency["by"], string> = { server: "", date: ", by the clock of this device", arrival: ", without the network" };

/**
 * Makes the class of <weir-player>. It fetches nothing while it is out of the
 * document, nor before it is asked to play.
 */
export function playerElement(libraries: Libraries): typeof HTMLElement {
  return class WeirPlayer extends HTMLElement {
    static readonly observedAttributes = [...streamAttributes, "muted", "controls"];

    private readonly screen = document.createElement("video");
    private readonly message = document.createElement("p");
    private readonly delay = document.createElement("p");
    private readonly begin = document.createElement("button");
    private readonly unmute = document.createElement("button");
    private player: Player | undefined;
    private timer?: ReturnType<typeof setInterval>;
    private shown: number | null = null;
    private newest: PlayerStatus | null = null;
    private restarting = false;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      // Unlike a <style>, this needs no leave of the page's Content-Security-Policy.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style);
      root.adoptedStyleSheets = [sheet];
      const { screen, message, delay, begin, unmute } = this;
      screen.playsInline = true;
      message.setAttribute("role", "status");
      delay.className = "delay";
      begin.className = "begin";
      begin.textContent = "Play";
      begin.onclick = () => this.play();
      unmute.textContent = "Unmute";
      unmute.onclick = () => (screen.muted = false);
      screen.onvolumechange = () => this.render();
      root.append(screen, message, delay, begin, unmute);
    }

    connectedCallback(): void {
      this.screen.muted = this.hasAttribute("muted");
      this.screen.controls = this.hasAttribute("controls");
      this.render();
      if (this.hasAttribute("autoplay")) this.play();
    }

    disconnectedCallback(): void {
      this.stop();
    }

    attributeChangedCallback(name: string): void {
      if (name === "muted") this.screen.muted = this.hasAttribute("muted");
      else if (name === "controls") this.screen.controls = this.hasAttribute("controls");
      else if (this.player) this.restart();
    }

    /** The element's <video>, for what else a page needs of it. */
    get video(): HTMLVideoElement {
      return this.screen;
    }

    /** What is going on: {state, message, way, why, note}; null before play and after stop. */
    get status(): PlayerStatus | null {
      return this.newest;
    }

    /** How far behind the picture is: {seconds, by}; null if that is not known. */
    get latency(): Latency | null {
      return this.player?.latency() ?? null;
    }

    /** Begins to play, or goes on after a pause. */
    play(): void {
      if (!this.player) this.open();
      else void this.screen.play().catch(() => undefined);
    }

    pause(): void {
      this.screen.pause();
    }

    /** Ends playback and the connection. */
    stop(): void {
      this.player?.stop();
      this.player = undefined;
      clearInterval(this.timer);
      this.shown = null;
      this.newest = null;
      this.render();
    }

    private open(): void {
      const { stream, via } = settings((name) => this.getAttribute(name), document.baseURI);
      if (!stream) {
        this.update({ state: "error", message: "No stream is named by src.", way: null, why: "", note: "" });
        return;
      }
      // Which codecs the stream has is found out on the way.
      this.player = new Player(this.screen, stream, chooseBlindly(capabilities()), { via }, libraries, (s) => this.update(s));
      this.timer = setInterval(() => this.showDelay(), showMs);
      this.player.start();
    }

    // Several attributes that change at once are one change.
    private restart(): void {
      if (this.restarting) return;
      this.restarting = true;
      queueMicrotask(() => {
        this.restarting = false;
        if (!this.player) return;
        this.stop();
        this.open();
      });
    }

    private update(status: PlayerStatus): void {
      this.newest = status;
      this.render();
      this.dispatchEvent(new CustomEvent("status", { detail: status }));
    }

    private render(): void {
      const { newest, screen } = this;
      this.message.textContent = newest?.message ?? "";
      this.begin.hidden = newest !== null;
      this.unmute.hidden = !screen.muted || newest?.state !== "playing" || this.hasAttribute("muted");
      if (!newest) this.delay.textContent = "";
    }

    private showDelay(): void {
      const measured = this.latency;
      this.shown = smooth(this.shown, measured?.seconds ?? null);
      const way = this.newest?.way;
      this.delay.textContent =
        measured && way && this.shown !== null ? `${ways[way].label}, ${this.shown.toFixed(1)} s behind${caveats[measured.by]}` : "";
    }
  };
}
