import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";
import { canPublish, canPublishHere, PublishAddresses } from "./addresses";
import type { Info } from "./api";
import { w } from "./i18n/language";

const example = "live/test";

type Dialog = typeof import("./publish-dialog").PublishDialog;

/** How to push a stream to this server. */
export function Publish({ info, onPublish }: { info: Info | undefined; onPublish: () => void }) {
  if (!info) return null;
  if (!canPublish(info)) {
    return (
      <p>
        {w().addresses.off} <code>rtmp.listen</code>, <code>rtsp.listen</code>, <code>webrtc.listen</code>
      </p>
    );
  }
  return (
    <>
      {canPublishHere(info) && (
        <button type="button" class="primary here" onClick={onPublish}>
          {w().addresses.here}
        </button>
      )}
      <PublishAddresses name={example} info={info} />
    </>
  );
}

/** The dialog that publishes from this page, which is fetched when it is wanted. */
export function usePublishDialog(): { dialog: ComponentChild; open: () => Promise<void> } {
  const [loaded, setLoaded] = useState<{ Dialog: Dialog } | null>(null);
  const open = async () => setLoaded({ Dialog: (await import("./publish-dialog")).PublishDialog });
  return { dialog: loaded && <loaded.Dialog onClose={() => setLoaded(null)} />, open };
}
