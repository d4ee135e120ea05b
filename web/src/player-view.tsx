import { useEffect, useRef, useState } from "preact/hooks";
import type { Stream } from "./api";
import { say, w } from "./i18n/language";
import type { Option } from "./player/choose";
import { allWays, wayFrom, ways, type Way } from "./player/ways";
import { Stats } from "./stats";
import type { Playing } from "./urls";
import { useLive, type VideoRef } from "./use-live";

export interface PlayerViewProps {
  playing: Playing;
  /** What the API says about the stream; undefined if it is not listed. */
  stream: Stream | undefined;
  /** When it said so, by performance.now(). */
  at: number | undefined;
  /** The API has answered or failed, so that there is nothing to wait for. */
  settled: boolean;
  onVia: (via: Way | undefined) => void;
}

/** Plays one stream for as long as it is there: the picture, and a line about it. */
export function PlayerView({ playing, stream, at, settled, onVia }: PlayerViewProps) {
  const video = useRef<HTMLVideoElement>(null);
  const { status, options, player, listen } = useLive(video, playing, stream, settled);
  const muted = useMuted(video);
  const clock = stream?.time_ms !== undefined && at !== undefined ? { streamMs: stream.time_ms, at } : undefined;

  const unmute = () => {
    video.current!.muted = false;
    video.current!.focus();
  };

  return (
    <>
      <div class="screen" data-state={status.state}>
        <video id="player" ref={video} controls playsInline />
        <p class="message" role="status">
          {say(status.message)}
        </p>
        {muted && status.state === "playing" && (
          <button type="button" class="action" onClick={unmute}>
            {w().player.unmute}
          </button>
        )}
        {listen && (
          <button type="button" class="action" onClick={listen}>
            {w().player.listen}
          </button>
        )}
      </div>
      <div class="below">
        <div class="line">
          <Stats video={video} player={player} clock={clock} />
          <ViaSelect via={playing.via} way={status.way} options={options} onVia={onVia} />
        </div>
        <p class="note why">{say([status.why, status.state !== "error" && status.note].filter(Boolean).join(" "))}</p>
      </div>
    </>
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
  const automatic = way && !via ? w().player.automaticBy(ways[way].label) : w().player.automatic;
  return (
    <label class="via">
      <span>{w().player.by}</span>
      <select value={via ?? ""} onChange={(e) => onVia(wayFrom(e.currentTarget.value))}>
        <option value="">{automatic}</option>
        {allWays.map((id) => {
          const option = options.find((o) => o.way === id);
          return (
            <option key={id} value={id} title={say(option?.note ?? "")} disabled={option?.verdict === "nothing"}>
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
