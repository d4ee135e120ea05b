import { useRef, useState } from "preact/hooks";
import { w } from "./i18n/language";

/** A value to be typed elsewhere, with a button that copies it. */
export function Copyable({ label, value }: { label: string; value: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);

  const copy = async () => {
    if (!(await copyText(value, field.current!))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };

  return (
    <div class="copyable">
      <label>
        <span>{label}</span>
        <input ref={field} readOnly value={value} spellcheck={false} onFocus={(e) => e.currentTarget.select()} />
      </label>
      <button type="button" onClick={copy} aria-label={w().copy.what(label)}>
        <span aria-live="polite">{copied ? w().copy.copied : w().copy.copy}</span>
      </button>
    </div>
  );
}

// The clipboard is for secure pages only, and the console is mostly opened by
// plain HTTP; there the selection is copied as a key press would.
async function copyText(text: string, field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field.select();
    return document.execCommand("copy");
  }
}
