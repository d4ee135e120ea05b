import { useEffect, useRef, useState } from "preact/hooks";
import type { Info, Stream, Track } from "./api";
import { anythingLeft, playable } from "./codecs";
import { Copyable } from "./copy";
import { decimal } from "./format";
import { ahead, LivePlayer, ranges, type PlayerStatus } from "./live";
import { flvUrl, rtmpUrl } from "./urls";

interface PlayerProps {
  name: string;
  /** What the API says about the stream; undefined if it is not listed. */
  stream: Stream | undefined;
  /** The API has answered or failed, so that there is nothing to wait for. */
  settled: boolean;
  info: Info | undefined;
  onClose: () => void;
}

/** A modal dialog that plays one stream. */
export function Player({ name, stream, settled, info, onClose }: PlayerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { status, note } = useLive(video, name, stream, settled);
  const muted = useMuted(video);

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
            <button type="button" class="unmute" onClick={unmute}>
              Unmute
            </button>
          )}
        </div>
        <footer>
          {note && <p class="note">{note}</p>}
          <Stats video={video} />
          <details>
            <summary>Play it elsewhere</summary>
            <Copyable label="HTTP-FLV" value={flvUrl(location.origin, name)} />
            {!!info?.rtmp_port && <Copyable label="RTMP" value={rtmpUrl(location.hostname, info.rtmp_port, name)} />}
          </details>
        </footer>
      </div>
    </dialog>
  );
}

type VideoRef = { current: HTMLVideoElement | null };

/** Plays a stream in the element for as long as the component is there. */
function useLive(video: VideoRef, name: string, stream: Stream | undefined, settled: boolean) {
  const [status, setStatus] = useState<PlayerStatus>({ state: "connecting", message: "Connecting…" });
  const live = useRef<LivePlayer | null>(null);

  // A stream that is gone comes back with the same tracks more often than not.
  const known = useRef<Track[]>([]);
  if (stream?.tracks.length) known.current = stream.tracks;
  const tracks = known.current;
  const kinds = playable(tracks, isTypeSupported);
  const refused = anythingLeft(tracks, kinds) ? "" : kinds.note;
  const url = flvUrl(location.origin, name, kinds);

  useEffect(() => {
    if (!settled) return;
    if (refused) {
      setStatus({ state: "error", message: refused });
      return;
    }
    const player = new LivePlayer(video.current!, url, setStatus);
    live.current = player;
    void player.start();
    return () => {
      live.current = null;
      player.stop();
    };
  }, [url, refused, settled]);

  // A publisher that came back need not wait for the next retry.
  const epoch = stream?.state === "live" ? stream.epoch : undefined;
  useEffect(() => {
    if (epoch !== undefined) live.current?.nudge();
  }, [epoch]);

  return { status, note: refused ? "" : kinds.note };
}

function isTypeSupported(type: string): boolean {
  const { MediaSource, ManagedMediaSource } = globalThis as {
    MediaSource?: typeof globalThis.MediaSource;
    ManagedMediaSource?: typeof globalThis.MediaSource;
  };
  const source = MediaSource ?? ManagedMediaSource;
  // Without either, the player says so better than a list of codecs would.
  return source ? source.isTypeSupported(type) : true;
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

const statsMs = 1000;

/** One line about what the browser makes of the stream. */
function Stats({ video }: { video: VideoRef }) {
  const [line, setLine] = useState("");

  useEffect(() => {
    let frames = 0;
    let time = performance.now();
    const timer = setInterval(() => {
      const v = video.current!;
      const { totalVideoFrames, droppedVideoFrames } = v.getVideoPlaybackQuality();
      const now = performance.now();
      // A new source counts from zero again.
      const fps = Math.max(0, ((totalVideoFrames - frames) * 1000) / (now - time));
      frames = totalVideoFrames;
      time = now;
      const parts = [`${decimal(ahead(ranges(v.buffered), v.currentTime), 1)} s ahead`];
      if (v.videoWidth) parts.unshift(`${v.videoWidth}×${v.videoHeight}`, `${Math.round(fps)} fps`, `${droppedVideoFrames} dropped`);
      setLine(v.readyState ? parts.join(" · ") : "");
    }, statsMs);
    return () => clearInterval(timer);
  }, []);

  return <p class="stats">{line}</p>;
}
