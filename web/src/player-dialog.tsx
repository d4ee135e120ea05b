import { useEffect, useRef, useState } from "preact/hooks";
import { Addresses } from "./addresses";
import type { Info, Stream } from "./api";
import { Lacks } from "./lacks";
import type { Option } from "./player/choose";
import { allWays, wayFrom, ways, type Way } from "./player/ways";
import { Stats } from "./stats";
import type { Playing } from "./urls";
import { useLive, type VideoRef } from "./use-live";

interface PlayerProps {
  playing: Playing;
  /** What the API says about the stream; undefined if it is not listed. */
  stream: Stream | undefined;
  /** When it said so, by performance.now(). */
  at: number | undefined;
  /** The API has answered or failed, so that there is nothing to wait for. */
  settled: boolean;
  info: Info | undefined;
  onVia: (via: Way | undefined) => void;
  onClose: () => void;
}

/** A modal dialog that plays one stream. */
export function Player({ playing, stream, at, settled, info, onVia, onClose }: PlayerProps) {
  const { name, via } = playing;
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { status, options, player, listen } = useLive(video, playing, stream, settled);
  const muted = useMuted(video);
  const clock = stream?.time_ms !== undefined && at !== undefined ? { streamMs: stream.time_ms, at } : undefined;

  useEffect(() => {
    const d = dialog.current!;
    d.showModal();
    // Closing it, rather than only taking it away, gives the focus back.
    return () => d.close();
  }, []);

  const unmute = () => {
    video.current!.muted = false;
    video.current!.focus();
  };

  return (
    <dialog
      ref={dialog}
      class="player"
      aria-label={`Stream ${name}`}
      onClose={onClose}
      onClick={(e) => e.target === dialog.current && onClose()}
    >
      <div class="frame">
        <header>
          <h2>{name}</h2>
          <button type="button" class="close" onClick={onClose} aria-label="Close the player" title="Close (Esc)">
            ✕
          </button>
        </header>
        <div class="screen" data-state={status.state}>
          <video id="player" ref={video} controls playsInline />
          <p class="message" role="status">
            {status.message}
          </p>
          {muted && status.state === "playing" && (
            <button type="button" class="action" onClick={unmute}>
              Unmute
            </button>
          )}
          {listen && (
            <button type="button" class="action" onClick={listen}>
              Play the sound alone
            </button>
          )}
        </div>
        <footer>
          <div class="line">
            <Stats video={video} player={player} clock={clock} />
            <ViaSelect via={via} way={status.way} options={options} onVia={onVia} />
          </div>
          <p class="note why">{[status.why, status.state !== "error" && status.note].filter(Boolean).join(" ")}</p>
          <Lacks lacks={stream?.left_out} />
          <Addresses name={name} info={info} />
        </footer>
      </div>
    </dialog>
  );
}

interface ViaSelectProps {
  via: Way | undefined;
  /** The way in use. */
  way: Way | null;
  options: Option[];
  onVia: (via: Way | undefined) => void;
}

function ViaSelect({ via, way, options, onVia }: ViaSelectProps) {
  const automatic = way && !via ? `Automatic: ${ways[way].label}` : "Automatic";
  return (
    <label class="via">
      <span>Fetch by</span>
      <select value={via ?? ""} onChange={(e) => onVia(wayFrom(e.currentTarget.value))}>
        <option value="">{automatic}</option>
        {allWays.map((id) => {
          const option = options.find((o) => o.way === id);
          return (
            <option key={id} value={id} title={option?.note} disabled={option?.verdict === "nothing"}>
              {ways[id].label}
            </option>
          );
        })}
      </select>
    </label>
  );
}

function useMuted(video: VideoRef): boolean {
  const [muted, setMuted] = useState(false);
  useEffect(() => {
    const v = video.current!;
    const read = () => setMuted(v.muted);
    read();
    v.addEventListener("volumechange", read);
    return () => v.removeEventListener("volumechange", read);
  }, []);
  return muted;
}
