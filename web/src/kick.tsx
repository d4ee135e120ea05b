import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";
import type { Api } from "./api";
import type { Session } from "./control";
import { Confirm } from "./dialog";
import { w } from "./i18n/language";
import { nameOf } from "./session-table";
import { useToast } from "./toast";

/** The dialog that asks before a session is closed, and how to open it. */
export function useKick(api: Api): { dialog: ComponentChild; ask: (session: Session) => void } {
  const [session, ask] = useState<Session | null>(null);
  const tell = useToast();
  const kick = async () => {
    await api.kick(session!.id);
    tell(w().session.kicked);
  };
  const words = w().session;
  const dialog = session && (
    <Confirm title={words.kickTitle} text={words.kickText(nameOf(session))} action={words.kick} onConfirm={kick} onClose={() => ask(null)} />
  );
  return { dialog, ask };
}
