import { Addresses } from "./addresses";
import type { Info } from "./api";
import { Dialog } from "./dialog";
import { w } from "./i18n/language";
import { Lacks } from "./lacks";
import { PlayerView, type PlayerViewProps } from "./player-view";

interface PlayerProps extends PlayerViewProps {
  info: Info | undefined;
  onClose: () => void;
}

/** A modal dialog that plays one stream. */
export function Player({ info, onClose, ...view }: PlayerProps) {
  const { name } = view.playing;
  return (
    <Dialog class="player" title={name} closeLabel={w().player.close} onClose={onClose}>
      <PlayerView {...view} />
      <footer>
        <Lacks lacks={view.stream?.left_out} />
        <Addresses name={name} info={info} />
      </footer>
    </Dialog>
  );
}
