import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "./dialog";
import { bitrate, frameRate } from "./format";
import { say, w } from "./i18n/language";
import { Publisher, sendableCodecs, type PublisherStatus } from "./publish/publisher";
import { openSource, sourceKinds, whyNoSource, type Source, type SourceKind } from "./publish/sources";
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
  const video = useRef<HTMLVideoElement>(null);
  const [choice, setChoice] = useState(defaults);
  const { status, line, start, stop } = usePublishing(video);
  const running = status !== null && status.state !== "error";

  const submit = (e: Event) => {
    e.preventDefault();
    if (running) stop();
    else void start(choice);
  };

  return (
    <Dialog class="player publish" title={w().publish.title} closeLabel={w().publish.close} firm onClose={onClose}>
      <div class="screen" data-state={status?.state ?? "off"}>
        <video id="preview" ref={video} muted autoPlay playsInline />
        <p class="message" role="status">
          {say(status?.message ?? "")}
        </p>
      </div>
      <footer>
        <p class="stats">{line}</p>
        <form onSubmit={submit}>
          <fieldset disabled={running}>
            <Fields choice={choice} onChange={(change) => setChoice({ ...choice, ...change })} />
          </fieldset>
          <button type="submit" class="primary">
            {running ? w().publish.stop : w().publish.publish}
          </button>
          {status?.state === "live" && (
            <a href={playSearch({ name: choice.name.trim() })} target="_blank" rel="noreferrer">
              {w().publish.watch(choice.name.trim())}
            </a>
          )}
        </form>
      </footer>
    </Dialog>
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
        <span>{w().publish.stream}</span>
        <input name="name" required spellcheck={false} value={choice.name} onInput={text("name")} />
      </label>
      <label>
        <span>{w().publish.source}</span>
        <select name="source" value={choice.source} onChange={(e) => onChange({ source: e.currentTarget.value as SourceKind })}>
          {sourceKinds.map((kind) => (
            <option key={kind} value={kind}>
              {w().publish.sources[kind]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{w().publish.codec}</span>
        <select name="codec" value={choice.codec} onChange={(e) => onChange({ codec: e.currentTarget.value })}>
          <option value="">{w().publish.automatic}</option>
          {sendableCodecs().map((codec) => (
            <option key={codec} value={codec}>
              {codec.replace("video/", "")}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{w().publish.atMost}</span>
        <select name="bitrate" value={choice.maxBitrate} onChange={(e) => onChange({ maxBitrate: Number(e.currentTarget.value) })}>
          {bitrates.map((rate) => (
            <option key={rate} value={rate}>
              {bitrate(rate)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{w().publish.user}</span>
        <input name="user" autocomplete="username" value={choice.user} onInput={text("user")} />
      </label>
      <label>
        <span>{w().publish.password}</span>
        <input name="password" type="password" autocomplete="current-password" value={choice.password} onInput={text("password")} />
      </label>
      <label class="check">
        <input name="sound" type="checkbox" checked={choice.sound} onChange={(e) => onChange({ sound: e.currentTarget.checked })} />
        <span>{w().publish.sound}</span>
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
    setStatus({ state: "connecting", message: w().publish.waiting });
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
      track.onended = () => end({ state: "error", message: track.kind === "video" ? w().publish.pictureEnded : w().publish.soundEnded });
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
  return [...picture, bitrate(figures.bitrate), ...describe(figures).map(say), limit && w().publish.limitedBy(limit)].filter(Boolean);
}
