import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, type Api } from "./api";
import { begun, changed, hidden, isLong, plain } from "./config-model";
import type { ConfigKey } from "./control";
import { w } from "./i18n/language";
import { useToast } from "./toast";

interface ConfigKeyProps {
  api: Api;
  /** Of what is shown. */
  etag: string;
  configKey: ConfigKey;
  onChange: () => void;
}

/** One key with its value, and a form for it if it can change now. */
export function ConfigKeyRow(props: ConfigKeyProps) {
  const { configKey: k } = props;
  const [edits, setEdits] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const words = w().config;
  const edited = useRef(false);
  useEffect(() => {
    // With the form the focus would be gone.
    if (edited.current && !edits) button.current?.focus();
    edited.current = edits;
  }, [edits]);
  return (
    <li data-key={k.key}>
      <div class="head">
        <span class="code key">{k.key}</span>
        <span class="chip" data-live={k.live} title={k.live ? words.liveHint : words.restartHint}>
          {k.live ? `⚡ ${words.isLive}` : `↻ ${words.isRestart}`}
        </span>
        {k.set_by && <span class="set">{k.overlay ? words.setHere : words.setBy(k.set_by)}</span>}
      </div>
      <Value text={plain(k, k.value)} secret={k.secret} />
      {k.live && !edits && (
        <button ref={button} type="button" class="plain" aria-label={words.edit(k.key)} onClick={() => setEdits(true)}>
          ✎
        </button>
      )}
      {edits && <Editor {...props} onDone={() => setEdits(false)} />}
      <p class="help">
        <Help text={k.help} /> {k.value !== k.default && !k.secret && <span class="default">{words.defaultIs(plain(k, k.default) || words.empty)}</span>}
      </p>
      {!!k.items?.length && <Items items={k.items} />}
    </li>
  );
}

/** The server's words about a key. */
function Help({ text }: { text: string }) {
  return <span lang="en">{text.split(/'([^']*)'/).map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</span>;
}

function Items({ items }: { items: ConfigKey[] }) {
  return (
    <details class="items">
      <summary>{w().config.items}</summary>
      <dl>
        {items.map((item) => (
          <Fragment key={item.key}>
            <dt class="code">{item.key}</dt>
            <dd>
              <Help text={item.help} />
            </dd>
          </Fragment>
        ))}
      </dl>
    </details>
  );
}

function Value({ text, secret }: { text: string; secret: boolean }) {
  const words = w().config;
  if (secret && text.includes(hidden) && !text.includes("\n")) return <span class="value aside">{words.hidden}</span>;
  if (!text) return <span class="value aside">{words.empty}</span>;
  return text.includes("\n") ? <pre class="value">{text}</pre> : <code class="value">{text}</code>;
}

// Browsers do not put what they keep for another place here: it would be saved unseen.
const unseen = { type: "password", autocomplete: "new-password" } as const;

function Editor({ api, etag, configKey: k, onChange, onDone }: ConfigKeyProps & { onDone: () => void }) {
  const [from] = useState(begun(k));
  const [text, setText] = useState(from);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // What the values were when the user began, so that a change of somebody else is not lost unseen.
  const [known, setKnown] = useState(etag);
  const form = useRef<HTMLFormElement>(null);
  const tell = useToast();
  const words = w().config;
  useEffect(() => form.current!.querySelector<HTMLElement>("[name=value]")!.focus(), []);

  const change = async (value: string | null) => {
    setBusy(true);
    setError("");
    try {
      await api.changeConfig(known, { [k.key]: value });
      tell(words.saved(k.key));
      onDone();
    } catch (err) {
      setError(await why(err));
      setBusy(false);
    }
    onChange();
  };

  const save = () => {
    const value = changed(k, from, text);
    if (value !== undefined) return void change(value);
    tell(words.nothing);
    onDone();
  };

  const why = async (err: unknown): Promise<string> => {
    if (!(err instanceof ApiError)) return w().trouble.unreachable;
    if (err.status !== 412) return err.message;
    const newest = await api.configKeys(new AbortController().signal).catch(() => null);
    if (!newest) return w().trouble.unreachable;
    setKnown(newest.etag);
    const now = newest.keys.find((other) => other.key === k.key)?.value;
    return now === undefined || now === k.value ? words.meanwhileElse : words.meanwhile(plain(k, now) || words.empty);
  };

  const isKept = k.type === "secret" && plain(k, k.value) !== "";
  const field = {
    name: "value",
    value: text,
    "aria-label": words.value(k.key),
    "aria-invalid": error !== "",
    onInput: (e: { currentTarget: { value: string } }) => setText(e.currentTarget.value),
  };
  return (
    <form
      ref={form}
      class="editor"
      onSubmit={(e) => {
        e.preventDefault();
        save();
      }}
      onKeyDown={(e) => e.key === "Escape" && onDone()}
    >
      {k.type === "bool" ? (
        <select {...field}>
          <option>true</option>
          <option>false</option>
        </select>
      ) : isLong(k) ? (
        <textarea {...field} spellcheck={false} rows={Math.min(16, text.split("\n").length + 1)} />
      ) : (
        <input {...field} {...(k.type === "secret" ? unseen : { type: "text", autocomplete: "off" })} placeholder={isKept ? words.kept : ""} autocapitalize="none" spellcheck={false} />
      )}
      {k.type !== "secret" && k.value.includes(hidden) && <p class="aside">{words.typeSecrets}</p>}
      <span class="buttons">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? words.saving : words.save}
        </button>
        {isKept && (
          <button type="button" class="plain empty" disabled={busy} onClick={() => change('""')}>
            {words.makeEmpty}
          </button>
        )}
        {k.overlay && (
          <button type="button" class="plain" disabled={busy} onClick={() => change(null)}>
            {words.reset}
          </button>
        )}
        <button type="button" class="plain" onClick={onDone}>
          {w().cancel}
        </button>
      </span>
      {error && (
        <p role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
