import { useCallback, useState } from "preact/hooks";
import type { Api } from "../api";
import { changeText, sections, type Show } from "../config-model";
import { ConfigKeyRow } from "../config-key";
import { logLevels, type ConfigKeys } from "../control";
import { w } from "../i18n/language";
import { usePoll } from "../poll";
import { Loading, Trouble } from "../status";
import { useToast } from "../toast";

// Others may change it too.
const intervalMs = 5000;

/** Every key of the configuration: what it is, why, and how to change it. */
export function ConfigPage({ api }: { api: Api }) {
  // Grows with each change, so that what is shown is asked for at once.
  const [turn, setTurn] = useState(0);
  const keys = usePoll(useCallback((signal) => api.configKeys(signal), [api, turn]), intervalMs);
  const changed = () => setTurn((t) => t + 1);
  return (
    <div class="page config">
      <h2>{w().page.config}</h2>
      <Tools api={api} onChange={changed} />
      {keys.error && <Trouble error={keys.error} />}
      {keys.data ? <Keys api={api} data={keys.data} onChange={changed} /> : !keys.error && <Loading />}
    </div>
  );
}

/** What is for the whole of it: reading the file again, and the log. */
function Tools({ api, onChange }: { api: Api; onChange: () => void }) {
  const log = usePoll(useCallback((signal) => api.logLevel(signal), [api]), intervalMs);
  const [chosen, setChosen] = useState<string>();
  const tell = useToast();
  const words = w().config;
  const failed = (err: unknown) => tell(w().trouble.failed(err instanceof Error ? err.message : String(err)));

  const reload = () => api.reloadConfig().then((change) => tell(changeText(change)), failed).finally(onChange);
  const setLog = (level: string) => {
    setChosen(level);
    api.setLogLevel(level).then(() => tell(words.logSet(level)), failed).finally(() => setTimeout(() => setChosen(undefined), intervalMs));
  };
  return (
    <div class="tools">
      <button type="button" class="plain reload" title={words.reloadHint} onClick={reload}>
        ↻ {words.reload}
      </button>
      <label>
        <span>
          {words.log} ({words.logHint})
        </span>
        <select name="log" value={chosen ?? log.data ?? ""} disabled={log.data === undefined} onChange={(e) => setLog(e.currentTarget.value)}>
          {log.data === undefined && <option value="" />}
          {logLevels.map((level) => (
            <option key={level}>{level}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Keys({ api, data, onChange }: { api: Api; data: ConfigKeys; onChange: () => void }) {
  const [search, setSearch] = useState("");
  const [show, setShow] = useState<Show>("every");
  const shown = sections(data.keys, search, show);
  const words = w().config;
  return (
    <>
      <form class="filter" role="search" onSubmit={(e) => e.preventDefault()}>
        <label class="wide">
          <span>{words.search}</span>
          <input name="key" type="search" spellcheck={false} autocapitalize="none" placeholder={words.searchHint} value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
        </label>
        <label>
          <span>{words.only}</span>
          <select name="show" value={show} onChange={(e) => setShow(e.currentTarget.value as Show)}>
            {(["every", "changed", "live"] as const).map((s) => (
              <option key={s} value={s}>
                {words[s]}
              </option>
            ))}
          </select>
        </label>
      </form>
      {shown.length === 0 && <p class="none">{words.none}</p>}
      {shown.map(({ name, keys }) => (
        <details key={name} class="panel section" open={search !== "" || show !== "every" || undefined}>
          <summary>
            <span class="code">{name}</span> <span class="aside">{words.keys(keys.length)}</span>
          </summary>
          <ul class="keys">
            {keys.map((k) => (
              <ConfigKeyRow key={k.key} api={api} etag={data.etag} configKey={k} onChange={onChange} />
            ))}
          </ul>
        </details>
      ))}
    </>
  );
}
