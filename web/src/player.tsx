import { useEffect, useRef, useState } from "preact/hooks";
import { Addresses } from "./addresses";
import type { Info, Stream } from "./api";
import { protocol } from "./format";
import { Stats } from "./stats";
import type { Playing, Via } from "./urls";
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
  onVia: (via: Via) => void;
  onClose: () => void;
}

/** A modal dialog that plays one stream. */
export function Player({ playing, stream, at, settled, info, onVia, onClose }: PlayerProps) {
  const { name, via } = playing;
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { status, note, player, listen } = useLive(video, playing, stream, settled);
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
          {note && <p class="note">{note}</p>}
          <div class="line">
            <Stats video={video} player={player} clock={clock} />
            <ViaSwitch via={via} onVia={onVia} />
          </div>
          <Addresses name={name} info={info} />
        </footer>
      </div>
    </dialog>
  );
}

const vias: [Via, string][] = [
  ["http", protocol("httpflv")],
  ["ws", protocol("wsflv")],
];

function ViaSwitch({ via, onVia }: { via: Via; onVia: (via: Via) => void }) {
  return (
    <fieldset class="via">
      <legend>Fetch the stream by</legend>
      {vias.map(([id, label]) => (
        <label key={id}>
          <input type="radio" name="via" value={id} checked={via === id} onChange={() => onVia(id)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
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
