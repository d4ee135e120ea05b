import { useState } from "preact/hooks";
import type { Api } from "../api";
import { Confirm } from "../dialog";
import { bytes, clock, duration } from "../format";
import { w } from "../i18n/language";
import { useToast } from "../toast";
import { isPlayable, spanOf, type Recording } from "./model";

// So many more are shown at a time.
const rowsStep = 20;

interface FilesProps {
  api: Api;
  /** In the order of their start. */
  recordings: Recording[];
  onPlay: (ms: number) => void;
  onChange: () => void;
}

/** The files of a span, newest first. */
export function Files({ api, recordings, onPlay, onChange }: FilesProps) {
  const [rows, setRows] = useState(rowsStep);
  const [asked, ask] = useState<Recording | null>(null);
  const tell = useToast();
  const words = w().recordings;
  if (recordings.length === 0) return <p class="none">{words.noFiles}</p>;
  const remove = async () => {
    await api.removeRecording(asked!.id).finally(onChange);
    tell(words.removed);
  };
  return (
    <>
      <table class="rows">
        <thead>
          <tr>
            <th>{words.begin}</th>
            <th class="figure">{words.length}</th>
            <th class="figure">{words.size}</th>
            <th>{words.tracks}</th>
            <th>
              <span class="hidden">{words.remove}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {recordings
            .slice(-rows)
            .reverse()
            .map((r) => (
              <Row key={r.id} api={api} recording={r} onPlay={onPlay} onRemove={() => ask(r)} />
            ))}
        </tbody>
      </table>
      {recordings.length > rows && (
        <p class="pager">
          <button type="button" class="plain" onClick={() => setRows(rows + rowsStep)}>
            {words.more(recordings.length - rows)}
          </button>
        </p>
      )}
      {asked && (
        <Confirm
          title={words.removeTitle}
          text={words.removeText(clock(Date.parse(asked.start)), bytes(asked.bytes))}
          action={words.remove}
          onConfirm={remove}
          onClose={() => ask(null)}
        />
      )}
    </>
  );
}

interface RowProps {
  api: Api;
  recording: Recording;
  onPlay: (ms: number) => void;
  onRemove: () => void;
}

function Row({ api, recording: r, onPlay, onRemove }: RowProps) {
  const words = w().recordings;
  const { from } = spanOf(r);
  const at = clock(from);
  return (
    <tr data-recording={r.id}>
      <td data-label={words.begin} title={r.why}>
        <time dateTime={r.start}>{at}</time>
        {r.writing && (
          <span class="mark" data-recorder="recording">
            <span aria-hidden="true"> ●</span> {words.writing}
          </span>
        )}
        <span class="code file">{r.file}</span>
      </td>
      <td class="figure" data-label={words.length}>
        {duration(r.duration_s)}
      </td>
      <td class="figure" data-label={words.size}>
        {bytes(r.bytes)}
      </td>
      <td data-label={words.tracks}>
        {r.tracks.map((t) => (
          <span key={t} class="code">
            {t}
          </span>
        ))}
      </td>
      <td class="do">
        {isPlayable(r) && (
          <button type="button" class="plain play-file" aria-label={words.play(at)} title={words.play(at)} onClick={() => onPlay(from)}>
            ▶
          </button>
        )}
        <Download api={api} recording={r} />
        {!r.writing && (
          <button type="button" class="plain remove" aria-label={words.removeThis(at)} title={words.removeThis(at)} onClick={onRemove}>
            ✕
          </button>
        )}
      </td>
    </tr>
  );
}

function Download({ api, recording: r }: { api: Api; recording: Recording }) {
  const tell = useToast();
  const label = w().recordings.download(clock(Date.parse(r.start)));
  const href = api.recordingHref(r.id);
  const name = r.file.replace(/^.*\//, "");
  if (href !== null) {
    return (
      <a class="plain" href={href} download={name} aria-label={label} title={label}>
        ⤓
      </a>
    );
  }
  const save = async () => {
    try {
      saveAs(await api.recordingFile(r.id), name);
    } catch (err) {
      tell(w().trouble.failed(err instanceof Error ? err.message : String(err)));
    }
  };
  return (
    <button type="button" class="plain" aria-label={label} title={label} onClick={save}>
      ⤓
    </button>
  );
}

function saveAs(file: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
