import { canPublish, PublishAddresses } from "./addresses";
import type { Info } from "./api";

const example = "live/test";

/** How to push a stream to this server. */
export function Publish({ info }: { info: Info | undefined }) {
  if (!info) return null;
  if (!canPublish(info)) {
    return <p>RTMP and RTSP are switched off on this server (<code>rtmp.listen</code> and <code>rtsp.listen</code> in its configuration).</p>;
  }
  return <PublishAddresses name={example} info={info} />;
}
