import type { Info } from "./api";
import { Copyable } from "./copy";
import { w } from "./i18n/language";
import { wayUrl } from "./player/ways";
import { mediaUrls, playSearch, serverAndKey, streamUrl } from "./urls";

interface AddressProps {
  name: string;
  info: Info | undefined;
}

/** Where a stream is played and published, folded away. */
export function Addresses({ name, info }: AddressProps) {
  return (
    <details class="addresses">
      <summary>{w().addresses.title}</summary>
      <h3>{w().addresses.play}</h3>
      <PlayAddresses name={name} info={info} />
      {canPublish(info) && <h3>{w().addresses.publish}</h3>}
      <PublishAddresses name={name} info={info} />
    </details>
  );
}

/** Whether this page may publish, by WebRTC. */
export function canPublishHere(info: Info | undefined): boolean {
  return info !== undefined && info.webrtc_port !== 0;
}

/** Whether the server listens for publishers. */
export function canPublish(info: Info | undefined): boolean {
  return canPublishHere(info) || !!(info?.rtmp_port || info?.rtmps_port || info?.rtsp_port || info?.rtsps_port);
}

/** Where a stream is played outside of the console. */
export function PlayAddresses({ name, info }: AddressProps) {
  const stream = streamUrl(location.origin, name);
  return (
    <div class="copyables">
      <Copyable label={w().addresses.browser} value={`${location.origin}/${playSearch({ name })}`} />
      <Copyable label="HLS" value={`${stream}/index.m3u8`} />
      <Copyable label="HTTP-FLV" value={`${stream}.flv`} />
      <Copyable label={w().addresses.forPlayers("WS-FLV")} value={wayUrl(stream, "wsflv")} />
      <Copyable label={w().addresses.forPlayers("WS-fMP4")} value={wayUrl(stream, "wsmp4")} />
      {info?.webrtc_port !== 0 && <Copyable label="WebRTC (WHEP)" value={`${stream}/whep`} />}
      <Copyable label={w().addresses.webPage} value={embed(stream)} />
      <Media protocol="rtmp" name={name} info={info} />
      <Media protocol="rtsp" name={name} info={info} />
      <Copyable label="VLC" value={`vlc --network-caching=500 ${stream}.flv`} />
      <Copyable label="ffplay" value={`ffplay -fflags nobuffer ${stream}.flv`} />
    </div>
  );
}

/** The lines that put the stream into a page. docs/player.md explains them. */
function embed(stream: string): string {
  return `<script src="${location.origin}/assets/weir-player.js"></script><weir-player src="${stream}" autoplay muted controls></weir-player>`;
}

const encode = "ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac";

/** Where a stream is published; nothing if nobody can publish. */
export function PublishAddresses({ name, info }: AddressProps) {
  const rtmp = mediaUrls("rtmp", location.hostname, info, name)[0];
  const rtsp = mediaUrls("rtsp", location.hostname, info, name)[0];
  return (
    <div class="copyables">
      <Media protocol="rtmp" name={name} info={info} />
      {rtmp && <Copyable label={w().addresses.obsServer} value={serverAndKey(rtmp).server} />}
      {rtmp && <Copyable label={w().addresses.obsKey} value={serverAndKey(rtmp).key} />}
      {rtmp && <Copyable label={w().addresses.ffmpegFile} value={`${encode} -f flv ${rtmp}`} />}
      {canPublishHere(info) && <Copyable label={w().addresses.whip} value={`${streamUrl(location.origin, name)}/whip`} />}
      <Media protocol="rtsp" name={name} info={info} />
      {rtsp && <Copyable label={w().addresses.ffmpegRtsp} value={`${encode} -f rtsp -rtsp_transport tcp ${rtsp}`} />}
    </div>
  );
}

function Media({ protocol, name, info }: AddressProps & { protocol: "rtmp" | "rtsp" }) {
  return mediaUrls(protocol, location.hostname, info, name).map((url) => (
    <Copyable key={url} label={url.slice(0, url.indexOf(":")).toUpperCase()} value={url} />
  ));
}
