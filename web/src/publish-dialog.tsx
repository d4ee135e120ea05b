import { useEffect, useRef, useState } from "preact/hooks";
import { bitrate, frameRate } from "./format";
import { Publisher, sendableCodecs, type PublisherStatus } from "./publish/publisher";
import { openSource, sourceLabels, whyNoSource, type Source, type SourceKind } from "./publish/sources";
import { basic, playSearch, streamUrl } from "./urls";
import { describe } from "./webrtc/figures";
import type { Outgoing } from "./webrtc/outgoing";

const figuresMs = 1000;

/** What the user chooses. */
interface Choice {
  name: string;
  source: SourceKind;
  sound: boolean;
  codec: string;
  maxBitrate: number;
  user: string;
  password: string;
}

const defaults: Choice = { name: "live/browser", source: "camera", sound: true, codec: "", maxBitrate: 2_500_000, user: "", password: "" };
const bitrates = [500_000, 1_000_000, 2_500_000, 6_000_000, 12_000_000];

/** A modal dialog that publishes camera, screen or a test picture by WHIP. */
export function PublishDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [choice, setChoice] = useState(defaults);
  const { status, line, start, stop } = usePublishing(video);
  const running = status !== null && status.state !== "error";

  useEffect(() => {
    const d = dialog.current!;
    d.showModal();
    return () => d.close();
  }, []);

  const submit = (e: Event) => {
    e.preventDefault();
    if (running) stop();
    else void start(choice);
  };

  return (
    <dialog ref={dialog} class="player publish" aria-label="Publish from this page" onClose={onClose}>
      <div class="frame">
        <header>
          <h2>Publish from this page</h2>
          <button type="button" class="close" onClick={onClose} aria-label="Close and stop publishing" title="Close (Esc)">
            ✕
          </button>
        </header>
        <div class="screen" data-state={status?.state ?? "off"}>
          <video id="preview" ref={video} muted autoPlay playsInline />
          <p class="message" role="status">
            {status?.message}
          </p>
        </div>
        <footer>
          <p class="stats">{line}</p>
          <form onSubmit={submit}>
            <fieldset disabled={running}>
              <Fields choice={choice} onChange={(change) => setChoice({ ...choice, ...change })} />
            </fieldset>
            <button type="submit" class="primary">
              {running ? "Stop" : "Publish"}
            </button>
            {status?.state === "live" && (
              <a href={playSearch({ name: choice.name.trim() })} target="_blank" rel="noreferrer">
                Watch {choice.name.trim()}
              </a>
            )}
          </form>
        </footer>
      </div>
    </dialog>
  );
}

interface FieldsProps {
  choice: Choice;
  onChange: (change: Partial<Choice>) => void;
}

function Fields({ choice, onChange }: FieldsProps) {
  const text = (key: "name" | "user" | "password") => (e: { currentTarget: HTMLInputElement }) => onChange({ [key]: e.currentTarget.value });
  return (
    <>
      <label>
        <span>Stream</span>
        <input name="name" required spellcheck={false} value={choice.name} onInput={text("name")} />
      </label>
      <label>
        <span>Source</span>
        <select name="source" value={choice.source} onChange={(e) => onChange({ source: e.currentTarget.value as SourceKind })}>
          {Object.entries(sourceLabels).map(([kind, label]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Codec</span>
        <select name="codec" value={choice.codec} onChange={(e) => onChange({ codec: e.currentTarget.value })}>
          <option value="">Automatic</option>
          {sendableCodecs().map((codec) => (
            <option key={codec} value={codec}>
              {codec.replace("video/", "")}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>At most</span>
        <select name="bitrate" value={choice.maxBitrate} onChange={(e) => onChange({ maxBitrate: Number(e.currentTarget.value) })}>
          {bitrates.map((rate) => (
            <option key={rate} value={rate}>
              {bitrate(rate)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>User, if the server asks</span>
        <input name="user" autocomplete="username" value={choice.user} onInput={text("user")} />
      </label>
      <label>
        <span>Password</span>
        <input name="password" type="password" autocomplete="current-password" value={choice.password} onInput={text("password")} />
      </label>
      <label class="check">
        <input name="sound" type="checkbox" checked={choice.sound} onChange={(e) => onChange({ sound: e.currentTarget.checked })} />
        <span>With sound</span>
      </label>
    </>
  );
}

interface Publishing {
  /** Null while nothing is published. */
  status: PublisherStatus | null;
  /** What the connection measures. */
  line: string;
  start: (choice: Choice) => Promise<void>;
  stop: () => void;
}

/** Publishes, with a preview in the element, until it is stopped or the component is gone. */
function usePublishing(video: { current: HTMLVideoElement | null }): Publishing {
  const [status, setStatus] = useState<PublisherStatus | null>(null);
  const [line, setLine] = useState("");
  const running = useRef<{ source: Source; publisher: Publisher } | null>(null);
  // Grows with each start and stop, so that a source that is granted late is known to be unwanted.
  const turn = useRef(0);

  const end = (last: PublisherStatus | null) => {
    turn.current++;
    running.current?.publisher.stop();
    running.current?.source.stop();
    running.current = null;
    if (video.current) video.current.srcObject = null;
    setLine("");
    setStatus(last);
  };

  const start = async ({ name, source: kind, sound, codec, maxBitrate, user, password }: Choice) => {
    const mine = ++turn.current;
    setStatus({ state: "connecting", message: "Waiting for the browser's leave…" });
    let source: Source;
    try {
      source = await openSource(kind, sound);
    } catch (err) {
      if (mine === turn.current) setStatus({ state: "error", message: whyNoSource(err, kind) });
      return;
    }
    if (mine !== turn.current) {
      source.stop();
      return;
    }
    for (const track of source.stream.getTracks()) {
      track.onended = () => end({ state: "error", message: `The ${track.kind === "video" ? "picture" : "sound"} has ended at its source.` });
    }
    video.current!.srcObject = source.stream;
    const url = `${streamUrl(location.origin, name.trim())}/whip`;
    const tell = (s: PublisherStatus) => (s.state === "error" ? end(s) : setStatus(s));
    const publisher = new Publisher(source.stream, url, user && basic(user, password), { codec, maxBitrate }, tell);
    running.current = { source, publisher };
    publisher.start();
  };

  useEffect(() => {
    const timer = setInterval(async () => {
      const figures = await running.current?.publisher.figures();
      if (running.current) setLine(figures ? sent(figures).join(" · ") : "");
    }, figuresMs);
    return () => {
      clearInterval(timer);
      end(null);
    };
  }, []);

  return { status, line, start, stop: () => end(null) };
}

function sent(figures: Outgoing): string[] {
  const { width, height, codec, limit } = figures;
  const picture = width > 0 ? [`${width}×${height}`, frameRate(figures.frameRate), codec] : [];
  return [...picture, bitrate(figures.bitrate), ...describe(figures), limit && `limited by ${limit === "cpu" ? "this device" : limit}`].filter(Boolean);
}
