import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError, type Api } from "./api";
import { relayModes, type RelayKind, type RelayMode } from "./control";
import { Dialog } from "./dialog";
import { w } from "./i18n/language";
import { fieldOf, lines, type RelayField } from "./relay-model";
import { useToast } from "./toast";

interface RelayDialogProps {
  api: Api;
  kind: RelayKind;
  onAdded: () => void;
  onClose: () => void;
}

/** A modal dialog that adds a rule: a stream or a pattern, and where it comes from or goes to. */
export function RelayDialog({ api, kind, onAdded, onClose }: RelayDialogProps) {
  const [stream, setStream] = useState("");
  const [urls, setUrls] = useState("");
  const [mode, setMode] = useState<RelayMode>(relayModes[0]);
  const [refusal, setRefusal] = useState<{ field: RelayField | undefined; text: string }>();
  const [busy, setBusy] = useState(false);
  const tell = useToast();
  const words = w().relay;
  const ofKind = words[kind];

  const add = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setRefusal(undefined);
    try {
      await api.addRelay(kind, { stream: stream.trim(), urls: lines(urls), mode });
      tell(words.added(stream.trim()));
      onAdded();
      onClose();
    } catch (err) {
      setRefusal({ field: fieldOf(err), text: err instanceof ApiError ? err.message : w().trouble.unreachable });
      setBusy(false);
    }
  };
  const at = (field: RelayField) => (refusal?.field === field ? refusal.text : "");

  return (
    <Dialog class="form" title={ofKind.add} firm onClose={onClose}>
      <form class="editor" onSubmit={add}>
        <Field label={words.stream} hint={words.streamHint} error={at("stream")}>
          {/* Examples are names and addresses, of no language. */}
          <input name="stream" required autofocus lang="en" placeholder="cam/{id}" {...literal} aria-invalid={at("stream") !== ""} value={stream} onInput={(e) => setStream(e.currentTarget.value)} />
        </Field>
        <Field label={ofKind.urls} hint={ofKind.urlsHint} error={at("urls")}>
          <textarea name="urls" required lang="en" rows={3} placeholder={examples[kind]} {...literal} aria-invalid={at("urls") !== ""} value={urls} onInput={(e) => setUrls(e.currentTarget.value)} />
        </Field>
        {kind === "pulls" && (
          <Field label={words.mode} error={at("mode")}>
            <select name="mode" value={mode} onChange={(e) => setMode(e.currentTarget.value as RelayMode)}>
              {relayModes.map((m) => (
                <option key={m} value={m}>
                  {words.modes[m]}
                </option>
              ))}
            </select>
          </Field>
        )}
        {refusal && !refusal.field && <p role="alert">{refusal.text}</p>}
        <span class="buttons">
          <button type="submit" class="primary" disabled={busy}>
            {words.add}
          </button>
          <button type="button" class="plain" onClick={onClose}>
            {w().cancel}
          </button>
        </span>
      </form>
    </Dialog>
  );
}

const literal = { autocomplete: "off", autocapitalize: "none", spellcheck: false } as const;

const examples: Record<RelayKind, string> = { pulls: "rtsp://user:password@10.0.0.{id}/main", forwards: "rtmp://10.0.0.9/live/{id}" };

interface FieldProps {
  label: string;
  hint?: string;
  /** What is wrong with it; empty if nothing. */
  error: string;
  children: ComponentChildren;
}

function Field({ label, hint, error, children }: FieldProps) {
  return (
    <label>
      <span>{label}</span>
      {children}
      {hint && <span class="aside">{hint}</span>}
      {error && (
        <span role="alert" lang="en">
          {error}
        </span>
      )}
    </label>
  );
}
