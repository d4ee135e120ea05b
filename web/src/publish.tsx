import type { Info } from "./api";
import { Copyable } from "./copy";
import { rtmpUrl } from "./urls";

const exampleApp = "live";
const exampleKey = "test";

/** How to push a stream to this server. */
export function Publish({ info, host }: { info: Info | undefined; host: string }) {
  if (!info) return null;
  if (!info.rtmp_port) {
    return <p>RTMP is switched off on this server (<code>rtmp.listen</code> in its configuration).</p>;
  }
  const server = rtmpUrl(host, info.rtmp_port, exampleApp);
  const url = `${server}/${exampleKey}`;
  return (
    <div class="publish">
      <section>
        <h3>Any encoder</h3>
        <Copyable label="Address" value={url} />
      </section>
      <section>
        <h3>OBS Studio</h3>
        <p>Settings → Stream → Service “Custom…”</p>
        <Copyable label="Server" value={server} />
        <Copyable label="Stream key" value={exampleKey} />
      </section>
      <section class="wide">
        <h3>ffmpeg</h3>
        <p>A file, at the speed of a live stream:</p>
        <Copyable
          label="Command"
          value={`ffmpeg -re -i input.mp4 -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac -f flv ${url}`}
        />
      </section>
    </div>
  );
}
