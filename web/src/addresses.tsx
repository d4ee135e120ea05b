import type { Info } from "./api";
import { Copyable } from "./copy";
import { wayUrl } from "./player/ways";
import { rtmpUrls, serverAndKey, streamUrl } from "./urls";

interface AddressProps {
  name: string;
  info: Info | undefined;
}

/** Where a stream is played and published, folded away. */
export function Addresses({ name, info }: AddressProps) {
  return (
    <details class="addresses">
      <summary>Addresses</summary>
      <h3>Play</h3>
      <PlayAddresses name={name} info={info} />
      {rtmpUrls(location.hostname, info, name).length > 0 && <h3>Publish</h3>}
      <PublishAddresses name={name} info={info} />
    </details>
  );
}

/** Where a stream is played outside of the console. */
function PlayAddresses({ name, info }: AddressProps) {
  const stream = streamUrl(location.origin, name);
  return (
    <div class="copyables">
      <Copyable label="HLS" value={`${stream}/index.m3u8`} />
      <Copyable label="HTTP-FLV" value={`${stream}.flv`} />
      <Copyable label="WS-FLV, for web players" value={wayUrl(stream, "wsflv")} />
      <Copyable label="WS-fMP4, for web players" value={wayUrl(stream, "wsmp4")} />
      <Copyable label="Web page" value={embed(stream)} />
      <Rtmp name={name} info={info} />
      <Copyable label="VLC" value={`vlc --network-caching=500 ${stream}.flv`} />
      <Copyable label="ffplay" value={`ffplay -fflags nobuffer ${stream}.flv`} />
    </div>
  );
}

/** The lines that put the stream into a page. docs/player.md explains them. */
function embed(stream: string): string {
  return `<script src="${location.origin}/assets/weir-player.js"></script><weir-player src="${stream}" autoplay muted controls></weir-player>`;
}

/** Where a stream is published; nothing if RTMP is switched off. */
export function PublishAddresses({ name, info }: AddressProps) {
  const url = rtmpUrls(location.hostname, info, name)[0];
  if (!url) return null;
  const obs = serverAndKey(url);
  return (
    <div class="copyables">
      <Rtmp name={name} info={info} />
      <Copyable label="OBS: Settings → Stream → Custom… → Server" value={obs.server} />
      <Copyable label="OBS: Stream key" value={obs.key} />
      <Copyable
        label="ffmpeg: a file, at the speed of a live stream"
        value={`ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac -f flv ${url}`}
      />
    </div>
  );
}

function Rtmp({ name, info }: AddressProps) {
  return rtmpUrls(location.hostname, info, name).map((url) => (
    <Copyable key={url} label={url.slice(0, url.indexOf(":")).toUpperCase()} value={url} />
  ));
}
