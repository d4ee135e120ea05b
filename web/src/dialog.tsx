import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { w } from "./i18n/language";

interface DialogProps {
  /** Names it, besides the classes of all dialogs. */
  class: string;
  title: string;
  closeLabel?: string;
  /** A click beside it does not close it. */
  firm?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus in it and gives it back after. */
export function Dialog({ class: name, title, closeLabel = w().close, firm, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const closed = useRef(onClose);
  closed.current = onClose;
  useLayoutEffect(() => {
    const d = dialog.current!;
    const tell = () => closed.current();
    d.showModal();
    d.addEventListener("close", tell);
    return () => {
      // Closing it, rather than only taking it away, gives the focus back; that it
      // goes is no news then.
      d.removeEventListener("close", tell);
      d.close();
    };
  }, []);
  return (
    <dialog ref={dialog} class={`dialog ${name}`} aria-label={title} onClick={(e) => !firm && e.target === dialog.current && onClose()}>
      <div class="frame">
        <header>
          <h2>{title}</h2>
          <button type="button" class="close" onClick={onClose} aria-label={closeLabel} title={w().closeHint}>
            ✕
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  /** What the button says. */
  action: string;
  /** Done when it has happened; what it throws is shown. */
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, text, action, onConfirm, onClose }: ConfirmProps) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (err) {
      setError(w().trouble.failed(err instanceof Error ? err.message : String(err)));
      setBusy(false);
    }
  };
  return (
    <Dialog class="confirm" title={title} onClose={onClose}>
      <p>{text}</p>
      {error && <p role="alert">{error}</p>}
      <div class="buttons">
        {/* What does nothing has the focus first. */}
        <button type="button" class="plain" autofocus onClick={onClose}>
          {w().cancel}
        </button>
        <button type="button" class="danger" disabled={busy} onClick={confirm}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
