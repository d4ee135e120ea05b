import { useCallback, useState } from "preact/hooks";
import { ApiError, type Api, type Stream } from "../api";
import { bytes, clock } from "../format";
import { w } from "../i18n/language";
import { useToast } from "../toast";
import { isOn, type Recorded, type Recorder } from "./model";

type State = Recorder["state"] | "off";

const shapes: Record<State, string> = { recording: "●", waiting: "◐", failed: "✕", stopped: "■", off: "○" };

/** Whether a stream is recorded, and what is in the way. */
export function RecorderMark({ recorder }: { recorder: Recorder | undefined }) {
  const state = recorder?.state ?? "off";
  const words = w().recordings;
  return (
    <span class="recorder">
      <span class="mark" data-recorder={state}>
        <span aria-hidden="true">{shapes[state]}</span> {words.states[state]}
      </span>
      {recorder && recorder.frames_dropped > 0 && <span class="aside">{words.dropped(recorder.frames_dropped)}</span>}
      {recorder?.error && (
        <span class="aside" lang="en">
          {recorder.error}
        </span>
      )}
      {recorder?.next && <span class="aside">{words.next(clock(Date.parse(recorder.next)))}</span>}
    </span>
  );
}

/** How much is kept. */
export function Amount({ kept }: Pick<Recorded, "kept">) {
  return kept ? (
    <span class="amount">
      {w().recordings.files(kept.recordings)} · {bytes(kept.bytes)}
    </span>
  ) : null;
}

/** Starts and stops recorders, and tells of what does not work. */
export function useSwitch(api: Api, onChange: () => void): (to: "start" | "stop", stream: string) => Promise<void> {
  const tell = useToast();
  return useCallback(
    (to, stream) =>
      api
        .switchRecorder(to, stream)
        .catch((err: unknown) => tell(w().trouble.failed(err instanceof Error ? err.message : String(err))))
        .finally(onChange),
    [api],
  );
}

interface SwitchProps extends Recorded {
  live: boolean;
  onTurn: (to: "start" | "stop", stream: string) => void;
}

/** The button that starts or stops what records a stream; none if it could not. */
export function Switch({ stream, recorder, live, onTurn }: SwitchProps) {
  const on = isOn(recorder);
  if (!on && !live && !recorder) return null;
  const label = on ? w().recordings.stopThis(stream) : w().recordings.startThis(stream);
  return (
    <button type="button" class={`plain ${on ? "stop" : "start"}`} aria-label={label} title={label} onClick={() => onTurn(on ? "stop" : "start", stream)}>
      <span aria-hidden="true">{on ? "■" : "●"}</span>
    </button>
  );
}

interface StartProps {
  api: Api;
  live: Stream[];
  recorded: Recorded[];
  onChange: () => void;
}

/** A form that has any stream recorded; it offers those that are live. */
export function Start({ api, live, recorded, onChange }: StartProps) {
  const [stream, setStream] = useState("");
  const [error, setError] = useState("");
  const tell = useToast();
  const words = w().recordings;
  const start = async (e: Event) => {
    e.preventDefault();
    const name = stream.trim();
    try {
      await api.switchRecorder("start", name);
      tell(words.started(name));
      setStream("");
      setError("");
    } catch (err) {
      setError(err instanceof ApiError ? err.message : w().trouble.unreachable);
    }
    onChange();
  };
  const free = live.filter((s) => !recorded.some((r) => r.stream === s.name && isOn(r.recorder)));
  return (
    <form class="filter start-recording" onSubmit={start}>
      <label class="wide">
        <span>{words.stream}</span>
        <input
          name="stream"
          required
          list="live-streams"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          aria-invalid={error !== ""}
          value={stream}
          onInput={(e) => setStream(e.currentTarget.value)}
        />
        {error && (
          <span role="alert" lang="en">
            {error}
          </span>
        )}
      </label>
      <datalist id="live-streams">
        {free.map((s) => (
          <option key={s.name} value={s.name} />
        ))}
      </datalist>
      <button type="submit" class="primary">
        <span aria-hidden="true">●</span> {words.start}
      </button>
    </form>
  );
}

/** How full the disk is; nothing if that is not known. */
export function Disk({ kept, free }: { kept: number; free: number | null }) {
  if (free === null) return null;
  const text = w().recordings.disk(bytes(kept), bytes(free));
  return (
    <p class="disk">
      <span class="gauge" role="img" aria-label={text}>
        <span style={{ width: `${(kept / Math.max(1, kept + free)) * 100}%` }} />
      </span>
      <span class="aside">{text}</span>
    </p>
  );
}
